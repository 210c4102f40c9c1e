import assert from "node:assert/strict";
import type { TraceEvent } from "../../../lib/client/trace.ts";
import { describeStep, showTrace } from "../../../lib/cli/terminal/trace.ts";

const none = { permissions: "none" } as const;

const AT = { transport: "tcp", address: "a:1" } as const;

Deno.test("every step is a line", none, () => {
  const cases: [event: TraceEvent, line: string][] = [
    [
      { kind: "lookup", host: "a.example", addresses: ["::1", "127.0.0.1"] },
      "a.example is at ::1, 127.0.0.1",
    ],
    [{ kind: "connect", ...AT }, "TCP a:1: connected"],
    [
      { kind: "send", ...AT, versions: [1, 12], bytes: 1024, retry: 0 },
      "TCP a:1: sent 1024 bytes offering 1, 12",
    ],
    [
      { kind: "send", ...AT, versions: [1], bytes: 1024, retry: 2 },
      "TCP a:1: sent 1024 bytes offering 1, request 3",
    ],
    [
      { kind: "fail", ...AT, reason: "other", error: new Error("odd") },
      "TCP a:1: failed: odd",
    ],
    [
      { kind: "close", ...AT, broken: true },
      "TCP a:1: closed: what came is another protocol",
    ],
    [
      { kind: "close", ...AT, broken: false },
      "TCP a:1: the other end closed it without an answer",
    ],
    [
      { kind: "drop", ...AT, bytes: 7, why: "stranger" },
      "TCP a:1: dropped 7 bytes: it came from an address that was not asked",
    ],
    [
      { kind: "answer", ...AT, version: 1, rttMicros: 1500n },
      "TCP a:1: answered in version 1 after 1.5 ms",
    ],
  ];
  for (const [event, line] of cases) assert.equal(describeStep(event), line);
  const drop = { kind: "drop", ...AT, bytes: 7 } as const;
  assert.match(
    describeStep({ ...drop, why: { code: "merkle-root" } }),
    /^TCP a:1: dropped 7 bytes: merkle-root: ./,
  );
});

Deno.test(
  "nothing is shown unless it is asked for, and nothing unprintable",
  none,
  () => {
    const lines: string[] = [];
    const output = {
      out: () => assert.fail("talk goes to stderr"),
      err: (line: string) => void lines.push(line),
      progress: () => {},
    };
    assert.equal(showTrace(output, undefined), undefined);
    assert.equal(showTrace(output, false), undefined);
    const show = showTrace(output, true);
    show?.({ kind: "connect", ...AT }, { name: "\u001b[2Jx" });
    show?.({ kind: "connect", ...AT });
    assert.deepEqual(lines, [
      "roughly: trace: \\u{1b}[2Jx: TCP a:1: connected",
      "roughly: trace: TCP a:1: connected",
    ]);
  },
);
