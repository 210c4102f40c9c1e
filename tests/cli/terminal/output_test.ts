import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatMillis,
  formatSeconds,
  jsonTime,
  type Output,
  printable,
  printJson,
  table,
} from "../../../lib/cli/terminal/output.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** The line that printJson() makes of a value. */
function jsonLine(value: Record<string, unknown>): string {
  const lines: string[] = [];
  const output: Output = {
    out: (line) => void lines.push(line),
    err: () => assert.fail("JSON is data"),
    progress: () => assert.fail("JSON is no progress"),
  };
  printJson(output, value);
  assert.equal(lines.length, 1);
  return lines[0] as string;
}

/** Any characters at all, half ones included. */
const anything = fc.array(fc.integer({ min: 0, max: 0x10ffff }))
  .map((codes) => String.fromCodePoint(...codes));

/** What a terminal may act on, or hide, or reorder. */
const HOSTILE = [
  ..."\0\n\r\t\b\u007f\u0080\u009b\u00ad\u061c\u200b\u200e\u202e\u2028",
  ..."\u2029\u2060\u2066\ufeff\ufff9\ud800\ue000\u{e0041}\u{1d173}",
];

test("printable() escapes what does not just stand there", () => {
  for (const c of HOSTILE) {
    const code = c.codePointAt(0) as number;
    assert.equal(printable(`a${c}b`), `a\\u{${code.toString(16)}}b`);
  }
  assert.equal(
    printable("\u001b]0;title\u0007\u001b[2J"),
    "\\u{1b}]0;title\\u{7}\\u{1b}[2J",
  );
});

test("printable() leaves text in any language alone", () => {
  for (const text of ["", "± 3 s", "Zeit: ä é ß", "時刻", "שעה", "🕰", "a\\b"]) {
    assert.equal(printable(text), text);
  }
});

test("printable() leaves nothing behind, whatever comes", () => {
  fc.assert(fc.property(anything, (text) => {
    const safe = printable(text);
    assert.doesNotMatch(safe, /[\p{C}\p{Zl}\p{Zp}]/u);
    assert.equal(printable(safe), safe);
  }));
});

test("printJson() writes one line that reads back", () => {
  const line = jsonLine({
    micros: 2n ** 64n,
    bytes: Uint8Array.of(0, 255, 62),
    nested: [{ micros: -1n }],
    absent: undefined,
    text: "± \n",
  });
  assert.deepEqual(JSON.parse(line), {
    micros: "18446744073709551616",
    bytes: "AP8+",
    nested: [{ micros: "-1" }],
    text: "± \n",
  });
});

test("printJson() is harmless on a terminal and loses nothing", () => {
  const text = HOSTILE.join("x");
  const line = jsonLine({ text, [text]: 1 });
  assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u);
  assert.deepEqual(JSON.parse(line), { text, [text]: 1 });
  fc.assert(fc.property(anything, (text) => {
    const line = jsonLine({ text });
    assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u);
    assert.equal(JSON.parse(line).text, text);
  }));
});

test("jsonTime() gives the exact time, and the calendar's where there is one", () => {
  assert.deepEqual(jsonTime(1_790_000_000_123_456n), {
    time: "2026-09-21T14:13:20.123Z",
    micros: 1_790_000_000_123_456n,
  });
  assert.equal(jsonTime(2n ** 64n * 1_000_000n).time, undefined);
});

test("formatSeconds() has no more digits than there are", () => {
  const cases: [micros: bigint, text: string][] = [
    [0n, "0"],
    [1n, "0.000001"],
    [-1n, "-0.000001"],
    [500_000n, "0.5"],
    [3_000_000n, "3"],
    [-3_250_000n, "-3.25"],
    [1_790_000_000_123_456n, "1790000000.123456"],
    [2n ** 64n * 1_000_000n, "18446744073709551616"],
  ];
  for (const [micros, text] of cases) assert.equal(formatSeconds(micros), text);
});

test("formatMillis() has one digit after the point", () => {
  assert.equal(formatMillis(0n), "0.0 ms");
  assert.equal(formatMillis(1_250n), "1.3 ms");
  assert.equal(formatMillis(2_000_000n), "2000.0 ms");
});

test("table() lines columns up and leaves no blanks at the end", () => {
  assert.deepEqual(
    table([["A", "LONGER", "C"], ["é🕰", "x", "y"], ["1234", "", ""]]),
    ["A     LONGER  C", "é🕰    x       y", "1234"],
  );
  assert.deepEqual(table([]), []);
});
