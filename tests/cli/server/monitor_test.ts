import assert from "node:assert/strict";
import { problemOf } from "../../../lib/cli/server/monitor.ts";

const none = { permissions: "none" } as const;

const WELL = { clockStatus: "ok", canSign: true } as const;

Deno.test("a clock that is not trusted is named with its cause", none, () => {
  const problem = (cause?: "unsynchronised" | "error-bound" | "leap-second") =>
    problemOf({ ...WELL, clockStatus: "stopped", clockCause: cause }, {
      listeners: [],
    });
  assert.equal(problem(), "the clock may be off");
  assert.equal(
    problem("unsynchronised"),
    "the clock may be off: the kernel was not told that anything keeps it in step",
  );
  assert.equal(
    problem("error-bound"),
    "the clock may be off: the kernel's bound of its error has grown",
  );
  assert.equal(
    problem("leap-second"),
    "the clock may be off: a leap second is near",
  );
  // A wider radius is an answer all the same.
  const widened = { ...WELL, clockStatus: "widened" } as const;
  assert.equal(problemOf(widened, { listeners: [] }), undefined);
});
