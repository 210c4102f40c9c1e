// deno-lint-ignore-file no-control-regex -- that is what a colour is
import assert from "node:assert/strict";
import {
  type Paint,
  painterFor,
  paintLabel,
} from "../../../lib/cli/terminal/paint.ts";
import { table } from "../../../lib/cli/terminal/table.ts";

Deno.test("table() lines columns up and leaves no blanks at the end", {
  permissions: "none",
}, () => {
  assert.deepEqual(
    table([["A", "LONGER", "C"], ["é🕰", "x", "y"], ["1234", "", ""]]),
    ["A     LONGER  C", "é🕰    x       y", "1234"],
  );
  assert.deepEqual(table([]), []);
});

Deno.test("table() lines columns up that are coloured, and colours no blanks", {
  permissions: "none",
}, () => {
  const paint: Paint = (tone, text) => tone ? `<${tone}>${text}</>` : text;
  const cells = [
    [{ text: "ok", tone: "good" }, "x"],
    [{ text: "rejected", tone: "bad" }, { text: "y", tone: "doubtful" }],
  ] as const;
  assert.deepEqual(table(cells, paint), [
    "<good>ok</>        x",
    "<bad>rejected</>  <doubtful>y</>",
  ]);
  assert.deepEqual(table(cells), ["ok        x", "rejected  y"]);
});

Deno.test("painterFor() colours where the channel shows it", {
  permissions: "none",
}, () => {
  const shown = painterFor({ hasColor: () => true });
  const tones = (["good", "doubtful", "bad"] as const)
    .map((tone) => shown(tone, "word"));
  assert.equal(new Set(tones).size, 3);
  for (const text of tones) {
    assert.match(text, /^\x1b\[\d+mword\x1b\[39m$/);
  }
  assert.equal(shown(undefined, "word"), "word");
  for (const output of [{}, { hasColor: () => false }]) {
    assert.equal(painterFor(output)("bad", "word"), "word");
  }
});

Deno.test("paintLabel() colours our own words at the beginning and no others", {
  permissions: "none",
}, () => {
  const painted = [
    "roughly: error: x",
    "roughly: hint: error: x",
    "2026-12-01T00:00:00.000Z warning clock was stepped",
  ];
  for (const line of painted) {
    assert.match(
      paintLabel(line),
      /^\S+ \x1b\[\d+m(error|hint|warning)\x1b\[39m[: ]/,
    );
  }
  for (const line of ["error: x", "x roughly: error: y", "roughly: errors"]) {
    assert.equal(paintLabel(line), line);
  }
});
