import assert from "node:assert/strict";
import { filesUnder } from "../_support/tree.ts";
import {
  insertBehaviours,
  insertMatrix,
  renderDialects,
  renderManPage,
  renderReadmeMatrix,
  renderRejections,
} from "../../docs/generate.ts";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import type { ClockErrorCode } from "../../lib/wire/errors.ts";

const STALE = "Run `deno task docs`: the committed file is out of date";

function committed(path: string): string {
  // A checkout on Windows may have other line ends.
  return Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url))
    .replaceAll("\r\n", "\n");
}

Deno.test("docs/dialects.md says what the table of dialects says", () => {
  assert.equal(committed("docs/dialects.md"), renderDialects(), STALE);
});

Deno.test("docs/rejections.md explains every reason there is", () => {
  assert.equal(committed("docs/rejections.md"), renderRejections(), STALE);
});

Deno.test("docs/chaos.md has the table of behaviours between its markers", () => {
  const text = committed("docs/chaos.md");
  assert.match(text, /^\| `lie-ahead` +\| accepted /m);
  assert.equal(text, insertBehaviours(text), STALE);
});

Deno.test("man/roughly.1 says what the table of commands says", () => {
  assert.equal(committed("man/roughly.1"), renderManPage(), STALE);
});

Deno.test("README.md has the matrix of dialects between its markers", () => {
  let readme: string;
  try {
    readme = committed("README.md");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  assert.equal(readme, insertMatrix(readme), STALE);
});

Deno.test("renderReadmeMatrix() has a row for every dialect", {
  permissions: "none",
}, () => {
  const lines = renderReadmeMatrix().split("\n");
  assert.equal(lines.length, Object.keys(DIALECTS).length + 2);
  assert.match(lines[2] as string, /Google.*\| UDP {2,}\|/);
  assert.match(lines.at(-1) as string, /RFC 10049.*\| 1 .*UDP, TCP/);
  assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
});

Deno.test(
  "insertMatrix() replaces what is between the markers and nothing else",
  { permissions: "none" },
  () => {
    const before = "# Title\n\n<!-- dialects -->";
    const after = "<!-- /dialects -->\n\nThe end.\n";
    const expected = `${before}\n\n${renderReadmeMatrix()}\n\n${after}`;
    assert.equal(insertMatrix(`${before}\nold\n${after}`), expected);
    assert.equal(insertMatrix(expected), expected);
  },
);

Deno.test("insertMatrix() leaves a text without both markers alone", {
  permissions: "none",
}, () => {
  for (const text of ["", "no markers\n", "<!-- dialects -->\n"]) {
    assert.equal(insertMatrix(text), text);
  }
});

Deno.test("the JSON forms of the commands for many servers are documented", () => {
  const pages = committed("docs/ecosystem.md") + committed("docs/clock.md");
  const schemas = filesUnder("lib/cli/")
    .filter((path) => /^lib\/cli\/(ecosystem|report|clock)\//.test(path))
    .flatMap((path) => [
      ...committed(path).matchAll(/"roughly\/[a-z-]+\/\d+"/g),
    ]).map(([quoted]) => quoted.slice(1, -1));
  assert(schemas.length >= 9);
  for (const schema of schemas) assert(pages.includes(`\`${schema}\``), schema);
});

Deno.test("docs/clock.md has every code with which a trusted clock refuses", () => {
  const codes = Object.keys(
    {
      "no-answer": 0,
      "no-quorum": 0,
      "unmeasured": 0,
      "stale": 0,
      "contradiction": 0,
      "suspended": 0,
    } satisfies Record<ClockErrorCode, number>,
  );
  const page = committed("docs/clock.md");
  for (const code of codes) assert(page.includes(`\n| \`${code}\``), code);
});
