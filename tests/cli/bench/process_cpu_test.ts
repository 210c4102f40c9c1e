import assert from "node:assert/strict";
import {
  checkPids,
  cpuMicrosOf,
  ownCpuMicros,
  parseStat,
} from "../../../lib/cli/bench/process_cpu.ts";

const LINUX = { ignore: Deno.build.os !== "linux" };

/** No process has a number that high (/proc/sys/kernel/pid_max). */
const NOBODY = 2 ** 29;

Deno.test("parseStat() adds user and system time, whatever the name", () => {
  const rest = "S 1 9 9 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 12 0 77 1 1";
  for (const name of ["deno", "a b", "x) S 1 2", "((", ""]) {
    assert.equal(parseStat(`9 (${name}) ${rest}\n`), 3_000_000);
  }
});

Deno.test("CPU time never goes back", LINUX, async () => {
  const own = ownCpuMicros();
  const read = await cpuMicrosOf([Deno.pid]) ?? assert.fail();
  assert(own > 0);
  assert((await cpuMicrosOf([Deno.pid]) ?? 0) >= read);
  assert(ownCpuMicros() >= own);
  assert((await cpuMicrosOf([Deno.pid, Deno.pid]) ?? 0) >= 2 * read);
});

Deno.test("a process that is gone has no CPU time", LINUX, async () => {
  assert.equal(await cpuMicrosOf([Deno.pid, NOBODY]), undefined);
  await checkPids([Deno.pid]);
  await assert.rejects(checkPids([Deno.pid, NOBODY]), {
    name: "UsageError",
    message: `there is no process ${NOBODY}`,
  });
});
