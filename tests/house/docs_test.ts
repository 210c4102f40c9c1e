import assert from "node:assert/strict";
import * as FORMS from "../../lib/cli/schema.ts";
import {
  insertBehaviours,
  insertMatrix,
  renderDialects,
  renderManPage,
  renderMatrix,
  renderRejections,
  renderShortMatrix,
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

Deno.test("man/roughly.1 says what the table of commands says", async () => {
  assert.equal(committed("man/roughly.1"), await renderManPage(), STALE);
});

Deno.test("README.md has the table of versions in short between its markers", () => {
  const readme = committed("README.md");
  assert(readme.includes("\n<!-- dialects -->\n"));
  assert.equal(readme, insertMatrix(readme, renderShortMatrix()), STALE);
});

Deno.test("docs/interoperability.md has the whole table of versions between its markers", () => {
  const text = committed("docs/interoperability.md");
  assert(text.includes("\n<!-- dialects -->\n"));
  assert.equal(text, insertMatrix(text, renderMatrix()), STALE);
});

Deno.test("renderMatrix() has a row for every dialect", {
  permissions: "none",
}, () => {
  const lines = renderMatrix().split("\n");
  assert.equal(lines.length, Object.keys(DIALECTS).length + 2);
  assert.match(lines[2] as string, /Google.*\| UDP {2,}\|/);
  assert.match(lines.at(-1) as string, /RFC 10049.*\| 1 .*UDP, TCP/);
  assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
});

Deno.test("renderShortMatrix() has a row for every era", {
  permissions: "none",
}, () => {
  const [, , google = "", drafts = "", rfc = "", ...others] =
    renderShortMatrix().split("\n");
  assert.deepEqual(others, []);
  assert.match(google, /^\| Google-Roughtime .*\| UDP {2,}\|$/);
  assert.match(drafts, /^\| drafts 01 to 19 .*0x80000001 to 0x8000000c/);
  assert.match(rfc, /^\| RFC 10049 version 1 +\| 1 /);
});

Deno.test(
  "insertMatrix() replaces what is between the markers and nothing else",
  { permissions: "none" },
  () => {
    const before = "# Title\n\n<!-- dialects -->";
    const after = "<!-- /dialects -->\n\nThe end.\n";
    const matrix = renderMatrix();
    const expected = `${before}\n\n${matrix}\n\n${after}`;
    assert.equal(insertMatrix(`${before}\nold\n${after}`, matrix), expected);
    assert.equal(insertMatrix(expected, matrix), expected);
  },
);

Deno.test("insertMatrix() leaves a text without both markers alone", {
  permissions: "none",
}, () => {
  for (const text of ["", "no markers\n", "<!-- dialects -->\n"]) {
    assert.equal(insertMatrix(text, "new"), text);
  }
});

Deno.test("the JSON forms of the commands for many servers are documented", () => {
  const pages = committed("docs/ecosystem.md") + committed("docs/clock.md");
  const forms = Object.values(FORMS)
    .filter((form) => /^roughly\/(ecosystem|report|clock)\b/.test(form));
  assert(forms.length >= 9);
  for (const form of forms) assert(pages.includes(`\`${form}\``), form);
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
