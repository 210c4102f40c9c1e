import assert from "node:assert/strict";
import {
  isBrokenPipe,
  knownVariable,
  standardSink,
  wouldWait,
} from "../../../lib/cli/terminal/streams.ts";

function nodeError(code: string): Error {
  return Object.assign(new Error(`${code}: no`), { code });
}

Deno.test(
  "a reader that is gone and one that is slow are known in Deno and in Node",
  {
    permissions: "none",
  },
  () => {
    const { BrokenPipe, WouldBlock } = Deno.errors;
    for (const error of [new BrokenPipe("gone"), nodeError("EPIPE")]) {
      assert.deepEqual([isBrokenPipe(error), wouldWait(error)], [true, false]);
    }
    for (const error of [new WouldBlock("later"), nodeError("EAGAIN")]) {
      assert.deepEqual([isBrokenPipe(error), wouldWait(error)], [false, true]);
    }
    for (const error of [nodeError("ENOSPC"), "EPIPE", undefined]) {
      assert.deepEqual([isBrokenPipe(error), wouldWait(error)], [false, false]);
    }
  },
);

Deno.test("a variable that may not be read is not asked for", {
  permissions: "none",
}, () => {
  assert.equal(knownVariable("TERM"), undefined);
});

Deno.test("where Deno has a channel, that is the one", {
  permissions: "none",
}, () => {
  assert.equal(standardSink("stdout"), Deno.stdout);
});
