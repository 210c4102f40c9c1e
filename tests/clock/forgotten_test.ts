/** A clock that nobody closes does not keep its program alive. */

import assert from "node:assert/strict";
import { folder, programWords } from "../_support/cli.ts";

const HUNG_MS = 60_000;

Deno.test("a program ends although its clock was never closed", async () => {
  await using there = await folder();
  const file = there.in("forgetful.ts");
  const clock = new URL("../../lib/clock/trusted_clock.ts", import.meta.url);
  await Deno.writeTextFile(
    file,
    `import { TrustedClock } from ${JSON.stringify(clock.href)};
const bounds = { earliestMicros: 1n, latestMicros: 2n };
await TrustedClock.create({
  measure: () => Promise.resolve({
    quorum: { ok: true, bounds, agrees: [], voters: 3, agreeing: 3 },
    takenAt: performance.now(), outcomes: [], chain: [], violations: [],
  }),
});
console.log("made");`,
  );
  const program = new Deno.Command(Deno.execPath(), {
    args: programWords(file).toSpliced(1, 0, "--no-check"),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    // Only a program that hangs gets to see this.
    signal: AbortSignal.timeout(HUNG_MS),
  });
  const { code, stdout } = await program.output();
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout), "made\n");
});
