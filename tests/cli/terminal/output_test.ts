import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ChannelOutput,
  explainLoss,
  formatMillis,
  formatSeconds,
  jsonTime,
  mannersFor,
  type Output,
  printable,
  printJson,
  type Sink,
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

/** A channel that does with each write what it is told, and then takes everything. */
class ScriptedSink implements Sink {
  text = "";
  writes = 0;
  readonly #script: (Error | number)[];
  readonly #terminal: boolean;

  constructor(script: (Error | number)[] = [], terminal = false) {
    this.#script = script;
    this.#terminal = terminal;
  }

  writeSync(bytes: Uint8Array): number {
    this.writes++;
    const act = this.#script.shift() ?? bytes.length;
    if (typeof act !== "number") throw act;
    this.text += new TextDecoder().decode(bytes.subarray(0, act));
    return act;
  }

  isTerminal(): boolean {
    return this.#terminal;
  }
}

/** As the runtime puts it. */
const full = () => new Error("No space left on device (os error 28)");

function outputOf(stdout: Sink, stderr: Sink): [ChannelOutput, string[]] {
  const said: string[] = [];
  const output = new ChannelOutput(stdout, stderr);
  output.onLoss((loss) => void said.push(explainLoss(loss)));
  return [output, said];
}

test("a line is written whole, however little a channel takes at once", () => {
  const busy = new Deno.errors.WouldBlock("later");
  const stdout = new ScriptedSink([1, busy, 2, busy, busy]);
  const [output, said] = outputOf(stdout, new ScriptedSink());
  output.out("Zeit: ä 時刻");
  output.out("");
  assert.equal(stdout.text, "Zeit: ä 時刻\n\n");
  assert.deepEqual(said, []);
  assert.equal(output.hasLost, false);
});

test("what a channel does not take is said once, and later lines are tried", () => {
  for (const channel of ["out", "err"] as const) {
    const broken = new ScriptedSink([full(), full()]);
    const sound = new ScriptedSink();
    const [output, said] = channel === "out"
      ? outputOf(broken, sound)
      : outputOf(sound, broken);
    output[channel]("one");
    output[channel]("two");
    output[channel]("three");
    assert.equal(broken.text, "three\n");
    assert.equal(output.hasLost, true);
    assert.deepEqual(said, [
      `cannot write to standard ${
        channel === "out" ? "output" : "error"
      }: no space left on device`,
    ]);
  }
});

test("two channels that take nothing are no fault that spreads", () => {
  const sinks = [full(), full()].map((error) => new ScriptedSink([error]));
  const output = new ChannelOutput(sinks[0] as Sink, sinks[1] as Sink);
  let said = 0;
  output.onLoss((loss) => {
    said++;
    if (loss.channel === "stdout") output.err("the other");
    else output.out("the other");
  });
  output.out("lost");
  assert.equal(said, 2);
  assert.equal(output.hasLost, true);
});

test("a channel whose reader is gone is left alone, and that is no loss", () => {
  const gone = new ScriptedSink([new Deno.errors.BrokenPipe("Broken pipe")]);
  const [output, said] = outputOf(gone, gone);
  output.out("one");
  output.out("two");
  assert.equal(gone.writes, 1);
  assert.equal(output.hasLost, false);
  assert.deepEqual(said, []);
});

test("progress goes to a terminal only, and its loss hinders nothing", () => {
  const file = new ScriptedSink();
  outputOf(file, file)[0].progress("asking");
  assert.equal(file.writes, 0);
  const terminal = new ScriptedSink([], true);
  outputOf(file, terminal)[0].progress("asking");
  assert.equal(terminal.text, "\r\x1b[Kasking");
  const lost = new ScriptedSink([full()], true);
  outputOf(file, lost)[0].progress("asking");
});

test("a line that comes while progress is shown does not run into it", () => {
  const terminal = new ScriptedSink([], true);
  const [output] = outputOf(terminal, terminal);
  output.progress("asking");
  output.err("one");
  output.out("two");
  output.progress("");
  output.out("three");
  const clear = "\r\x1b[K";
  assert.equal(
    terminal.text,
    `${clear}asking${clear}one\nasking${clear}two\nasking${clear}three\n`,
  );
});

test("progress never fills more than a line", () => {
  const terminal = new ScriptedSink([], true);
  outputOf(terminal, terminal)[0].progress("🕰".repeat(100));
  assert.equal([...terminal.text.replace("\r\x1b[K", "")].length, 79);
});

test("NO_COLOR takes colour away, and TERM=dumb progress too", () => {
  assert.deepEqual(mannersFor("xterm", false), { color: true, cursor: true });
  assert.deepEqual(mannersFor(undefined, false), { color: true, cursor: true });
  assert.deepEqual(mannersFor("xterm", true), { color: false, cursor: true });
  assert.deepEqual(mannersFor("dumb", false), { color: false, cursor: false });
});

test("a dumb terminal gets neither progress nor colour", () => {
  const terminal = new ScriptedSink([], true);
  const output = new ChannelOutput(
    terminal,
    terminal,
    mannersFor("dumb", false),
  );
  output.progress("asking");
  output.err("roughly: error: bad");
  assert.equal(terminal.text, "roughly: error: bad\n");
  assert.equal(output.hasColor("stdout"), false);
});

test("only a terminal gets colour, and only in the label of our own line", () => {
  const manners = { color: true, cursor: true };
  const terminal = new ScriptedSink([], true);
  const file = new ScriptedSink();
  const output = new ChannelOutput(file, terminal, manners);
  assert.equal(output.hasColor("stdout"), false);
  assert.equal(output.hasColor("stderr"), true);
  output.err("roughly: warning: error: a");
  output.err("error: b");
  output.out("roughly: error: c");
  assert.equal(
    terminal.text,
    "roughly: \x1b[33mwarning\x1b[39m: error: a\nerror: b\n",
  );
  assert.equal(file.text, "roughly: error: c\n");
});
