import assert from "node:assert/strict";
import {
  classify,
  EXIT,
  hintFor,
  UsageError,
} from "../../../lib/cli/terminal/exit_code.ts";
import {
  messageOf,
  reportError,
  type ReportOptions,
  systemMessage,
  toErrorObject,
} from "../../../lib/cli/terminal/failure.ts";
import {
  ClockError,
  NetworkError,
  ServerError,
  VerificationError,
  WireError,
} from "../../../lib/wire/errors.ts";
import { NoAnswerError } from "../../../lib/client/no_answer.ts";
import { type Ended, exchangeOf, json } from "../../_support/cli.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const EXCHANGE = {
  request: Uint8Array.of(1),
  response: Uint8Array.of(2),
  publicKey: new Uint8Array(32),
};

const REJECTED = new VerificationError({
  code: "outside-delegation",
  midpointMicros: 3n,
  notBeforeMicros: 1n,
  notAfterMicros: 2n,
}, EXCHANGE);

function systemError(code: string): Error {
  return Object.assign(new Error(`bind ${code}`), { code });
}

function because(cause: unknown): ErrorOptions {
  return { cause };
}

function report(error: unknown, options: ReportOptions = {}): Ended {
  const out: string[] = [];
  const err: string[] = [];
  const code = reportError(
    {
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
      progress: () => assert.fail(),
    },
    error,
    options,
  );
  return { code, out, err };
}

test("exit codes are what the documentation says", () => {
  assert.deepEqual(EXIT, {
    ok: 0,
    unexpected: 1,
    usage: 2,
    noAnswer: 3,
    rejected: 4,
    malfeasance: 5,
    noQuorum: 6,
    clockOff: 7,
    denied: 8,
    interrupted: 130,
    terminated: 143,
  });
});

test("classify() gives every error its number and its word", () => {
  const { NotCapable, PermissionDenied, AddrInUse, NotFound } = Deno.errors;
  const cases: [error: unknown, exitCode: number, code: string][] = [
    [new UsageError("no"), 2, "usage"],
    [new WireError("key", "no"), 2, "key"],
    [new WireError("offer", "no"), 2, "offer"],
    [REJECTED, 4, "outside-delegation"],
    [new NetworkError("name", "no"), 3, "name"],
    [new NetworkError("unreachable", "no"), 3, "unreachable"],
    [new NetworkError("denied", "no"), 8, "denied"],
    [new DOMException("no", "TimeoutError"), 3, "timeout"],
    [new ClockError("suspended", "no"), 6, "suspended"],
    [new ServerError("config", "no"), 2, "config"],
    [new ServerError("key", "no", because(new NotFound("no"))), 2, "key"],
    [new ServerError("key", "no", because(new NotCapable("no"))), 8, "key"],
    [new ServerError("bind", "no", because(new AddrInUse("no"))), 2, "bind"],
    [
      new ServerError("bind", "no", because(new PermissionDenied("no"))),
      8,
      "bind",
    ],
    [new ServerError("bind", "no", because(systemError("EACCES"))), 8, "bind"],
    [
      new ServerError("bind", "no", because(systemError("EADDRINUSE"))),
      2,
      "bind",
    ],
    [new NotCapable("no"), 8, "denied"],
    [new PermissionDenied("no"), 8, "denied"],
    [new DOMException("no", "AbortError"), 1, "unexpected"],
    // Not a RangeError either: whoever throws one is a programmer.
    [new RangeError("no"), 1, "unexpected"],
    [new TypeError("no"), 1, "unexpected"],
    ["no", 1, "unexpected"],
    [undefined, 1, "unexpected"],
  ];
  for (const [error, exitCode, code] of cases) {
    assert.deepEqual(classify(error), { exitCode, code }, String(error));
  }
});

test("hintFor() has a word for usage and for silence", () => {
  assert.equal(hintFor(new UsageError("no", "do")), "do");
  assert.equal(hintFor(new UsageError("no")), undefined);
  assert.match(hintFor(new DOMException("no", "TimeoutError")) ?? "", /probe/);
  assert.equal(hintFor(new NetworkError("name", "no")), undefined);
});

test("reportError() takes one line, and another one for a hint", () => {
  assert.deepEqual(report(new UsageError("no\nway", "try\u001b[31m")), {
    code: 2,
    out: [],
    err: [
      "roughly: error: no\\u{a}way",
      "roughly: hint: try\\u{1b}[31m",
    ],
  });
  assert.deepEqual(report(new NetworkError("name", 'Cannot find "x"')), {
    code: 3,
    out: [],
    err: ['roughly: error: cannot find "x"'],
  });
});

test("reportError() leaves names as they are written", () => {
  for (
    const message of ["ROUGHLY_PORT: no", ".env is no file", "IPv6 is off"]
  ) {
    assert.deepEqual(report(new UsageError(message)).err, [
      `roughly: error: ${message}`,
    ]);
  }
});

test("reportError() never shows a stack unless it is asked for more", () => {
  const error = new TypeError("x is not a function", because(new Error("why")));
  const { code, err } = report(error);
  assert.equal(code, 1);
  assert.deepEqual(err, ["roughly: error: x is not a function"]);
  const more = report(error, { verbose: true }).err;
  assert.equal(more[1], "roughly: cause: why");
  assert(more.some((line) => line.startsWith("roughly: trace: at ")));
  const foreseen = report(new UsageError("no"), { verbose: true }).err;
  assert.deepEqual(foreseen, ["roughly: error: no"]);
});

test("reportError() copes with whatever is thrown", () => {
  for (const error of [undefined, null, 7, "text", {}, new Error("")]) {
    const { code, err } = report(error, { verbose: true });
    assert.equal(code, 1);
    assert.match(err[0] ?? "", /^roughly: error: ./);
  }
});

test("reportError() gives JSON the same code, and the evidence", () => {
  const { code, out, err } = report(REJECTED, { schema: "roughly/x/1" });
  assert.equal(code, 4);
  assert.equal(err.length, 1);
  const { exchange, ...rest } = json(out[0]);
  assert.deepEqual(rest, {
    schema: "roughly/x/1",
    ok: false,
    error: {
      code: "outside-delegation",
      message: REJECTED.message,
      rejection: {
        code: "outside-delegation",
        midpointMicros: "3",
        notBeforeMicros: "1",
        notAfterMicros: "2",
      },
    },
  });
  assert.deepEqual(exchangeOf(exchange), EXCHANGE);
  const usage = report(new UsageError("no", "do"), { schema: "roughly/x/1" });
  assert.deepEqual(usage.out.map(json), [
    {
      schema: "roughly/x/1",
      ok: false,
      error: { code: "usage", message: "no" },
    },
  ]);
});

test("toErrorObject() has a rejection only where there is one", () => {
  assert.deepEqual(toErrorObject(new NetworkError("name", "no")), {
    code: "name",
    message: "no",
  });
  assert.deepEqual(toErrorObject(REJECTED).rejection, REJECTED.rejection);
});

test("messageOf() and systemMessage() keep to what people read", () => {
  assert.equal(messageOf(new Error(" a\u0007 ")), "a\\u{7}");
  assert.equal(messageOf("text"), "text");
  assert.equal(messageOf(new Error("")), "unexpected failure");
  assert.equal(
    systemMessage(new Error("No such file (os error 2): open 'x'")),
    "No such file",
  );
  assert.equal(systemMessage(new Error("Requires access")), "Requires access");
  for (
    const [text, says] of [
      ["EACCES: permission denied, open 'a, open 'b''", "Permission denied"],
      [
        "EISDIR: illegal operation on a directory, read",
        /^Illegal .* directory$/,
      ],
      ["E: no, open 'x'", "E: no, open 'x'"],
    ] as const
  ) {
    const said = systemMessage(new Error(text));
    if (typeof says === "string") assert.equal(said, says);
    else assert.match(said, says);
  }
});

test("--verbose shows the whole chain of causes, and ends", () => {
  const deep = new Error("third");
  const middle = new AggregateError([new Error("second a"), deep], "first");
  deep.cause = middle; // it goes round
  const error = new NetworkError("unreachable", "no", because(middle));
  const causes = report(error, { verbose: true }).err.filter((line) =>
    line.startsWith("roughly: cause: ")
  );
  assert.deepEqual(causes.slice(0, 3).map((line) => line.slice(16)), [
    "first",
    "second a",
    "third",
  ]);
  assert(causes.length <= 8);
});

test("an error carries whom, what and why into JSON", () => {
  const network = new NetworkError("unreachable", "no", {
    server: "a:1",
    step: "tcp",
    reason: "refused",
  });
  assert.deepEqual(toErrorObject(network), {
    code: "unreachable",
    message: "no",
    server: "a:1",
    step: "tcp",
    reason: "refused",
  });
  const tried = [
    { transport: "udp", address: "a:1", outcome: "silent" },
    { transport: "tcp", address: "a:1", outcome: "refused" },
  ] as const;
  const silent = new NoAnswerError("a", 1, 1000, tried);
  const { code, server, tried: shown } = toErrorObject(silent);
  assert.deepEqual([code, server, shown], ["timeout", "a:1", tried]);
  assert.match(hintFor(silent) ?? "", /^TCP fails there as well/);
  const heard = new NoAnswerError("a", 1, 1000, [tried[0]]);
  assert.match(hintFor(heard) ?? "", /another key or version/);
  const other = { ...tried[1], outcome: "nonsense" } as const;
  const web = new NoAnswerError("a", 1, 1000, [tried[0], other]);
  assert.match(hintFor(web) ?? "", /^check the port/);
  const clock = new NetworkError("unreachable", "no", {
    reason: "certificate-expired",
  });
  assert.match(hintFor(clock) ?? "", /--list FILE/);
  const theirs = new VerificationError(REJECTED.rejection, EXCHANGE, {
    server: "a:1",
    step: "udp",
  });
  assert.equal(toErrorObject(theirs).server, "a:1");
  assert.match(report(theirs).err[0] ?? "", / \(from a:1 over UDP\)$/);
});
