import assert from "node:assert/strict";
import { Log, type LogFormat } from "../../../lib/cli/terminal/log.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A log with its lines, and a clock to turn. */
function logger(
  format: LogFormat = "text",
): { log: Log; lines: string[]; clock: { now: number } } {
  const lines: string[] = [];
  const clock = { now: Date.UTC(2026, 0, 2, 3, 4, 5, 6) };
  const log = new Log((line) => void lines.push(line), format, () => clock.now);
  return { log, lines, clock };
}

test("a line has a time, a level, a message and facts", () => {
  const { log, lines } = logger();
  log.log("info", "all is well");
  log.log("warning", "less so", { why: "rain", drops: 7, big: 9n });
  log.log("error", "bad", { text: 'a "b" = c', left: undefined, none: "" });
  assert.deepEqual(lines, [
    "2026-01-02T03:04:05.006Z info    all is well",
    "2026-01-02T03:04:05.006Z warning less so why=rain drops=7 big=9",
    '2026-01-02T03:04:05.006Z error   bad text="a \\"b\\" = c" none=',
  ]);
});

test("a line in JSON is one object", () => {
  const { log, lines } = logger("json");
  log.log("warning", "less so", { big: 2n ** 64n, left: undefined, a: "b\nc" });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [{
    time: "2026-01-02T03:04:05.006Z",
    level: "warning",
    message: "less so",
    big: "18446744073709551616",
    a: "b\nc",
  }]);
});

test("no line does anything to a terminal, nor is it two", () => {
  const nasty = "a\n\u001b[2J\u009b\u202eb";
  for (const format of ["text", "json"] as const) {
    const { log, lines } = logger(format);
    log.log("error", "bad", { nasty });
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines[0] ?? "", /[\p{C}\p{Zl}\p{Zp}]/u);
    if (format === "json") {
      assert.equal(JSON.parse(lines[0] ?? "").nasty, nasty);
    }
  }
});

test("lines of one kind are held back beyond a burst, and counted", () => {
  const { log, lines, clock } = logger();
  const repeat = (message: string, times: number) => {
    for (let i = 0; i < times; i++) log.log("error", message, { i });
  };
  repeat("bad", 100);
  assert.equal(lines.length, 5);
  repeat("other", 1); // another kind has a burst of its own
  assert.equal(lines.length, 6);
  clock.now += 59_999;
  repeat("bad", 3);
  assert.equal(lines.length, 6);
  clock.now += 1;
  repeat("bad", 7);
  assert.equal(lines.length, 11);
  assert.match(lines[6] ?? "", / bad i=0 suppressed=98$/);
  assert.match(lines[7] ?? "", / bad i=1$/);
  clock.now += 60_000;
  repeat("bad", 1);
  assert.match(lines.at(-1) ?? "", / suppressed=2$/);
  clock.now += 60_000;
  repeat("bad", 1);
  assert.match(lines.at(-1) ?? "", / bad i=0$/, "nothing was suppressed");
});

test("a clock that is set back holds nothing up for long", () => {
  const { log, lines, clock } = logger();
  for (let i = 0; i < 6; i++) log.log("error", "bad");
  clock.now -= 86_400_000;
  log.log("error", "bad");
  assert.equal(lines.length, 6);
  assert.match(lines[5] ?? "", /^2026-01-01T.* suppressed=1$/);
});

test("what the operator asked for is never held back", () => {
  const { log, lines } = logger();
  for (let i = 0; i < 100; i++) {
    log.log("info", "stats", { i });
    log.log("info", "listening", { i });
  }
  assert.equal(lines.length, 200);
});
