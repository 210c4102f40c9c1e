import assert from "node:assert/strict";
import { Command } from "commander";
import { buildProgram } from "../../../lib/cli/commands.ts";
import { flatten, readEntry } from "../../../lib/cli/manual/entry.ts";
import { manPage } from "../../../lib/cli/manual/man_page.ts";
import { EXIT } from "../../../lib/cli/terminal/exit_code.ts";
import { folder } from "../../_support/cli.ts";

const SILENT = { out: () => {}, err: () => {}, progress: () => {} };
const PROGRAM = await readEntry(buildProgram(SILENT, () => {}).command);

/** The page as a reader sees it, near enough. */
function plain(page: string): string {
  return page.replaceAll("\\-", "-").replaceAll("\\(aq", "'");
}

Deno.test("the manual has every command, option and exit code", () => {
  const page = plain(manPage(PROGRAM));
  for (const { path, options } of flatten(PROGRAM).slice(1)) {
    const from = page.indexOf(`.SS "roughly ${path.join(" ")}`);
    assert(from > 0, path.join(" "));
    const to = page.slice(from + 3).search(/^\.S[SH] /m);
    const section = page.slice(from, from + 3 + to);
    for (const { flags, names } of options) {
      const isCommon = /--(help|version|verbose)/.test(String(names));
      assert(isCommon || section.includes(`.B "${flags}"`), flags);
    }
  }
  for (const code of Object.values(EXIT)) {
    assert(page.includes(`.TP\n.B "${code}"\n`), String(code));
  }
});

Deno.test("what a table says cannot break the page", async () => {
  const program = new Command("roughly").description(".nf 'quoted' \\fB");
  program.command("odd").description(".so /etc/passwd").argument(
    '<a"b>',
    "'x'",
  );
  const page = manPage(await readEntry(program));
  assert(page.includes("\\&.so /etc/passwd."));
  assert(page.includes("\\(aqquoted\\(aq \\efB"));
  assert(page.includes('.B "<a\\(dqb>"'));
  assert.doesNotMatch(page, /^\.(so|nf)/m);
});

/** Programs that find fault with a page, and say nothing of one that is in order. */
const CHECKERS: readonly (readonly [name: string, ...args: string[]])[] = [
  ["mandoc", "-Tlint"],
  ["groff", "-man", "-ww", "-z"],
];

for (const [name, ...args] of CHECKERS) {
  const isThere = await new Deno.Command(name, {
    args: ["--version"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output().then(() => true, () => false);
  Deno.test({
    name: isThere
      ? `${name} finds no fault with the manual`
      : `${name} looks at the manual (skipped: it is not installed)`,
    ignore: !isThere,
    fn: async () => {
      await using place = await folder();
      const file = place.in("roughly.1");
      await Deno.writeTextFile(file, manPage(PROGRAM));
      const { code, stdout, stderr } = await new Deno.Command(name, {
        args: [...args, file],
        stdin: "null",
      }).output();
      const said = [stdout, stderr].map((one) => new TextDecoder().decode(one));
      assert.deepEqual([code, ...said], [0, "", ""]);
    },
  });
}
