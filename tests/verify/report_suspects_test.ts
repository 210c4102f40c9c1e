import assert from "node:assert/strict";
import { WireError } from "../../lib/wire/errors.ts";
import { malfeasanceReport, parseReport } from "../../lib/verify/report.ts";
import {
  confirmMalfeasance,
  findSuspects,
  judgeReport,
} from "../../lib/verify/judge.ts";
import { SECOND } from "../_support/fixtures.ts";
import { FORMS, makeChain, signerOf } from "../_support/many.ts";

const none = { permissions: "none" } as const;
const HOUR = 3600n * SECOND;
const KEYS = [0, 1, 2].map((n) => signerOf(n).publicKey);

Deno.test(
  "findSuspects() names who has a part in every contradiction",
  none,
  async () => {
    const suspectsOf = async (
      ...steps: readonly (readonly [server: number, aheadMicros: bigint])[]
    ) => {
      const chain = await makeChain(
        steps.map(([server, aheadMicros]) => ({
          dialect: "draft-14",
          server,
          aheadMicros,
        })),
      );
      const verdict = await judgeReport(parseReport(malfeasanceReport(chain)));
      assert(verdict.ok);
      return findSuspects(verdict).map((key) =>
        KEYS.findIndex((known) => known.join() === key.join())
      );
    };
    assert.deepEqual(await suspectsOf([0, 0n], [1, 0n], [2, 0n]), []);
    assert.deepEqual(await suspectsOf([0, HOUR], [1, 0n], [2, 0n]), [0]);
    assert.deepEqual(await suspectsOf([0, 0n], [1, 0n], [2, -HOUR]), [2]);
    assert.deepEqual(await suspectsOf([0, HOUR], [1, 0n]), [0, 1]);
    assert.deepEqual(await suspectsOf([0, HOUR], [0, 0n]), [0]);
    assert.deepEqual(await suspectsOf([0, HOUR], [1, 0n], [0, 0n]), [0]);
    // Two liars: nobody has a part in both.
    assert.deepEqual(
      await suspectsOf([0, HOUR], [0, 0n], [1, HOUR], [1, 0n]),
      [],
    );
  },
);

Deno.test(
  "confirmMalfeasance() says yes or no, or why it cannot",
  none,
  async () => {
    const honest = await makeChain(
      [0, 1, 2].map((server) => ({ dialect: "draft-14", server })),
    );
    const liar = await makeChain([
      { dialect: "draft-14", server: 0, aheadMicros: HOUR },
      { dialect: "draft-14", server: 1 },
    ]);
    assert.equal(await confirmMalfeasance(malfeasanceReport(honest)), false);
    assert.equal(await confirmMalfeasance(malfeasanceReport(liar)), true);
    const chain = await makeChain([{ dialect: "draft-11", server: 0 }]);
    const old = parseReport(JSON.stringify(FORMS["draft-08"](chain)));
    assert.equal(await confirmMalfeasance(old, { publicKeys: KEYS }), false);
    await assert.rejects(confirmMalfeasance(old), (error) => {
      assert(error instanceof WireError);
      assert.equal(error.code, "report");
      assert.match(error.message, /entry 0: the report names no key/);
      return true;
    });
    await assert.rejects(confirmMalfeasance("{}"), WireError);
  },
);
