import assert from "node:assert/strict";
import { Command } from "commander";
import { isGiven, pathOf, refuseIgnored } from "../../lib/cli/ignored.ts";

function parsed(...words: string[]): Command {
  const program = new Command("roughly");
  const command = program.command("serve")
    .option("--radius <n>", "", "3")
    .option("--no-tcp")
    .action(() => {});
  program.parse(["serve", ...words], { from: "user" });
  return command;
}

Deno.test("what stands there by default was not given", {
  permissions: "none",
}, () => {
  assert(!isGiven(parsed(), "--radius"));
  assert(isGiven(parsed("--radius=3"), "--radius"));
  assert(isGiven(parsed("--no-tcp"), "--no-tcp"));
  assert(!isGiven(parsed(), "--bogus"));
});

Deno.test("only what was given for nothing is refused, with both names", {
  permissions: "none",
}, () => {
  const cases = [{
    option: "--radius",
    because: "with --no-tcp",
    when: true,
  }];
  refuseIgnored(parsed(), cases);
  refuseIgnored(parsed("--radius=4"), [{ ...cases[0]!, when: false }]);
  const command = parsed("--radius=4", "--no-tcp");
  assert.equal(pathOf(command), "roughly serve");
  assert.throws(() => refuseIgnored(command, cases), {
    name: "UsageError",
    message: "cannot use --radius with --no-tcp: it would do nothing",
    hint: "see 'roughly serve --help'",
  });
});
