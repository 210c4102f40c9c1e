import assert from "node:assert/strict";
import { DROP_REASONS, type DropReason } from "../../lib/server/drop_reason.ts";

const none = { permissions: "none" } as const;

/** Every reason there is: the compiler sees to it that none is missing or invented. */
const EXPECTED: Readonly<Record<DropReason, true>> = {
  undersize: true,
  framing: true,
  parse: true,
  type: true,
  version: true,
  nonce: true,
  srv: true,
  delegation: true,
  clock: true,
  budget: true,
  refused: true,
  amplification: true,
  write: true,
  internal: true,
};

Deno.test("DROP_REASONS has each reason once", none, () => {
  assert.deepEqual([...DROP_REASONS].sort(), Object.keys(EXPECTED).sort());
});

Deno.test("DROP_REASONS are words that fit a label and a log", none, () => {
  for (const reason of DROP_REASONS) assert.match(reason, /^[a-z]+$/);
});
