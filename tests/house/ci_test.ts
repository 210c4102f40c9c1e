import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { folder, linesOf } from "../_support/cli.ts";

const RUN = fileURLToPath(new URL("../../.ci/run", import.meta.url));

/** Runs `.ci/run` where each command of Deno's only does what is said here. */
async function ci(
  says: Record<string, readonly [code: number, text: string]>,
): Promise<{ code: number; out: string[]; tasks: string[] }> {
  await using there = await folder();
  const calls = there.in("calls");
  const cases = Object.entries(says).map(([task, [code, text]]) =>
    `*"task ${task}"*) echo "${text}"; exit ${code};;`
  );
  await Deno.writeTextFile(
    there.in("npx"),
    `#!/bin/sh
echo "$*" >> "${calls}"
case "$*" in
${cases.join("\n")}
esac
`,
    { mode: 0o755 },
  );
  // It has what the tests need besides Deno, so nothing is to be fetched.
  for (const name of ["chromium", "promtool", "python3"]) {
    await Deno.writeTextFile(there.in(name), "#!/bin/sh\n", { mode: 0o755 });
  }
  const { code, stdout } = await new Deno.Command(RUN, {
    env: { PATH: `${there.path}:${Deno.env.get("PATH")}` },
  }).output();
  const tasks = (await Deno.readTextFile(calls)).trim().split("\n")
    .map((line) => line.replace(/^.* task /, ""));
  return { code, out: linesOf(stdout), tasks };
}

const TEST = [
  0,
  "ok | 3 passed (2 steps) | 0 failed | 1 ignored (1s)",
] as const;
const CLOSING = "3 passed, 0 failed, 1 skipped";

Deno.test({
  name:
    "CI shows what dependencies there are to update, fails for none, and closes with the tests",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    for (const code of [0, 1]) {
      // Whatever it prints, it is not the tests' result.
      const deps = [code, "9 passed | 9 failed"] as const;
      const ended = await ci({ deps, test: TEST });
      assert.equal(ended.code, 0);
      assert.equal(ended.out.at(-1), CLOSING);
      assert(ended.out.includes("9 passed | 9 failed"));
      assert.deepEqual(ended.tasks, [
        "deps",
        "check",
        "kernel --check",
        "web --check",
        "test",
      ]);
    }
  },
});

Deno.test({
  name: "CI fails if a check or a test does, and says so in its closing line",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const broken = [1, "FAILED | 2 passed | 1 failed (1s)"] as const;
    const tests = await ci({ test: broken });
    assert.deepEqual([tests.code, tests.out.at(-1)], [
      1,
      "2 passed, 1 failed, 0 skipped",
    ]);
    const check = await ci({ check: [1, "no"], test: TEST });
    assert.deepEqual([check.code, check.out.at(-1)], [
      1,
      "3 passed, 1 failed, 1 skipped",
    ]);
    const nothing = await ci({ test: [1, "error: no such file"] });
    assert.deepEqual([nothing.code, nothing.out.at(-1)], [
      1,
      "0 passed, 1 failed, 0 skipped",
    ]);
  },
});
