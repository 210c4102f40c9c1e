import assert from "node:assert/strict";
import { logEvents, logStats } from "../../../lib/cli/server/event_log.ts";
import { Log } from "../../../lib/cli/terminal/log.ts";
import { createCounters } from "../../../lib/server/counters.ts";
import type { ServerEvent } from "../../../lib/server/event.ts";

/** What a log makes of events: lines without their time. */
function linesOf(write: (log: Log) => void): string[] {
  const lines: string[] = [];
  write(
    new Log((line) => void lines.push(line.replace(/^\S+ /, "")), "text"),
  );
  return lines;
}

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("every event is a line, as loud as it is bad", () => {
  const cases: [event: ServerEvent, line: string][] = [
    [
      { kind: "listening", transport: "udp", address: "[::1]:2002" },
      "info    listening transport=udp address=[::1]:2002",
    ],
    [
      { kind: "buffer-cut", wantedBytes: 8, givenBytes: 4 },
      'warning receive buffer cut by the kernel wanted=8 given=4 hint="sysctl net.core.rmem_max=8"',
    ],
    [
      { kind: "buffer-cut", wantedBytes: 8, givenBytes: undefined },
      "info    receive buffer left at the system's default wanted=8",
    ],
    [
      { kind: "connections-cut", wanted: 8, given: 4, files: 128 },
      'warning fewer connections than asked for wanted=8 given=4 hint="raise the limit of open files"',
    ],
    [
      { kind: "connections-cut", wanted: 8, given: 4 },
      'warning fewer connections than asked for wanted=8 given=4 hint="--allow-ffi tells how many files may be open"',
    ],
    [
      { kind: "listener-down", transport: "tcp", address: "[::]:2002" },
      "error   no answer from a listener, opening it anew transport=tcp address=[::]:2002",
    ],
    [
      { kind: "listener-up", transport: "udp", address: "[::]:2002" },
      "info    a listener answers again transport=udp address=[::]:2002",
    ],
    [
      { kind: "any-source", address: "[::]:2002" },
      'info    replies leave from an address of the system\'s choice address=[::]:2002 hint="with several addresses, --listen on each"',
    ],
    [
      { kind: "rotated", notAfterMicros: 0n },
      "info    online key replaced until=1970-01-01T00:00:00.000Z",
    ],
    [
      { kind: "rotated", notAfterMicros: 2n ** 62n },
      "info    online key replaced",
    ],
    [
      { kind: "delegation-ending", secondsLeft: 60 },
      "warning delegation ends soon secondsLeft=60",
    ],
    [
      { kind: "delegation-ending", secondsLeft: 0 },
      "error   delegation ended: nothing is signed",
    ],
    [
      { kind: "delegation-ending", secondsLeft: -5 },
      "error   delegation ended: nothing is signed",
    ],
    [
      { kind: "clock-status", status: "ok", radiusMicros: 3_000_000n },
      "info    clock is in step radius=3s",
    ],
    [
      { kind: "clock-status", status: "unknown", radiusMicros: 3_000_000n },
      "info    the system does not say how its clock is",
    ],
    [
      { kind: "clock-status", status: "widened", radiusMicros: 3_500_000n },
      "warning clock may be off: radius widened radius=3.5s",
    ],
    [
      { kind: "clock-status", status: "stopped", radiusMicros: 40_000_000n },
      "error   clock may be off: nothing is signed radius=40s",
    ],
    [
      {
        kind: "clock-status",
        status: "widened",
        radiusMicros: 3_000_000n,
        cause: "leap-second",
        maxErrorMicros: 1000n,
      },
      'warning clock may be off: radius widened radius=3s cause="a leap second is near"',
    ],
    [
      { kind: "clock-step", stepMicros: -1_250_000n },
      "warning clock was stepped by=-1.25s",
    ],
    [
      { kind: "panic", error: new Error("no\u001b[2J") },
      "error   unforeseen fault, one request dropped error=no\\u{1b}[2J",
    ],
    [
      { kind: "panic", error: undefined },
      "error   unforeseen fault, one request dropped error=undefined",
    ],
    [
      { kind: "restarted", what: "udp loop" },
      'error   unforeseen fault, restarted what="udp loop"',
    ],
  ];
  for (const [event, line] of cases) {
    assert.deepEqual(linesOf((log) => logEvents(log)(event)), [line]);
  }
});

test("faults that come in floods do not flood the log", () => {
  const lines = linesOf((log) => {
    const tell = logEvents(log);
    for (let i = 0; i < 1000; i++) tell({ kind: "panic", error: i });
  });
  assert.equal(lines.length, 5);
});

test("logStats() adds both transports up", () => {
  const counters = createCounters();
  assert.deepEqual(linesOf((log) => logStats(log, counters)), [
    "info    stats received=0 answered=0 dropped=0 batches=0 meanBatch=0 tcpConnections=0 rotations=0 clockSteps=0 panics=0",
  ]);
  Object.assign(counters, {
    batches: 3,
    batchedRequests: 10,
    tcpAccepted: 5,
    tcpCompleted: 2,
    rotations: 4,
    clockSteps: 6,
    panics: 7,
  });
  Object.assign(counters.udp, { received: 20, answered: 8 });
  Object.assign(counters.tcp, { received: 2, answered: 2 });
  counters.udp.dropped.parse = 11;
  counters.tcp.dropped.srv = 1;
  assert.deepEqual(linesOf((log) => logStats(log, counters)), [
    "info    stats received=22 answered=10 dropped=12 batches=3 meanBatch=3.3 tcpConnections=3 rotations=4 clockSteps=6 panics=7",
  ]);
});

test("a silent server says why its clock is not trusted, and what to do", () => {
  const causes = {
    "unsynchronised": [/nothing|anything keeps it in step/, /rtcsync/],
    "error-bound": [/error has grown/, /chronyc tracking/],
    "leap-second": [/leap second/, /--max-radius/],
  } as const;
  for (const [cause, [why, what]] of Object.entries(causes)) {
    const [line = ""] = linesOf((log) =>
      logEvents(log)({
        kind: "clock-status",
        status: "stopped",
        radiusMicros: 40_000_000n,
        cause: cause as keyof typeof causes,
        maxErrorMicros: 39_000_000n,
      })
    );
    assert.match(
      line,
      /^error +clock may be off: nothing is signed radius=40s/,
    );
    assert.match(line, why);
    assert.match(line, /error=39s/);
    assert.match(line, what);
    assert.match(line, /hint=.*--max-radius.*--trust-clock/);
    if (cause !== "leap-second") assert.match(line, /timedatectl/);
  }
});
