import assert from "node:assert/strict";
import { reportSubmit } from "../../../lib/cli/report/submit.ts";
import { NetworkError } from "../../../lib/wire/errors.ts";
import { malfeasanceReport } from "../../../lib/verify/report.ts";
import { Server } from "../../../lib/server/core.ts";
import {
  assertFailure,
  execute,
  fails,
  folder,
  json,
  run,
} from "../../_support/cli.ts";
import { flip } from "../../_support/fixtures.ts";
import {
  Ahead,
  gatherEvidence,
  lyingReport,
  writeList,
} from "../../_support/cli_many.ts";

const SUBMIT = ["report", "submit"];

interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly requests: { method: string; type: string | null; body: string }[];
}

/** Takes what is sent, and answers with these, the last one again and again. */
function collector(...replies: readonly ResponseInit[]): Collector {
  const requests: Collector["requests"] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const init = replies[Math.min(requests.length, replies.length - 1)];
      requests.push({
        method: request.method,
        type: request.headers.get("content-type"),
        body: await request.text(),
      });
      return new Response(null, init);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/reports`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function withReport(
  text?: string,
): Promise<AsyncDisposable & { file: string; in(name: string): string }> {
  const there = await folder();
  const file = there.in("report.json");
  await Deno.writeTextFile(file, text ?? await lyingReport());
  return {
    file,
    in: there.in,
    [Symbol.asyncDispose]: () => there[Symbol.asyncDispose](),
  };
}

/** Runs the command with a time that does not pass. */
async function submitAtOnce(
  file: string,
  url: string,
  tries: number,
): Promise<{ code: number; out: string[]; err: string[]; waits: number[] }> {
  const out: string[] = [];
  const err: string[] = [];
  const waits: number[] = [];
  const code = await reportSubmit(file, url, { tries }, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    progress: () => {},
  }, {
    wait: (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    },
  });
  return { code, out, err, waits };
}

Deno.test("report submit sends the specification's form, whatever the file's", async () => {
  const chain = await gatherEvidence(Ahead, Server);
  const expected = malfeasanceReport(chain);
  for (const form of ["rfc-10049", "bare-array"] as const) {
    await using there = collector({ status: 202 });
    await using given = await withReport(malfeasanceReport(chain, form));
    const { code, out, err } = await run(...SUBMIT, given.file, there.url);
    assert.equal(code, 0);
    assert.deepEqual(err, []);
    assert.deepEqual(out, [`Report accepted by ${there.url} (HTTP 202).`]);
    assert.deepEqual(there.requests, [{
      method: "POST",
      type: "application/roughtime-malfeasance+json",
      body: expected,
    }]);
  }
});

Deno.test("report submit ends with 4 if the report is refused, and does not insist", async () => {
  await using there = collector({ status: 400 });
  await using given = await withReport();
  const { code, out, err } = await run(...SUBMIT, given.file, there.url);
  assert.equal(code, 4);
  assert.deepEqual(err, []);
  assert.deepEqual(out, [`Report refused by ${there.url} (HTTP 400).`]);
  assert.equal(there.requests.length, 1);
  const words = [...SUBMIT, given.file, there.url, "--json"];
  const machine = await run(...words);
  assert.equal(machine.code, 4);
  assert.deepEqual(machine.out.map(json), [{
    schema: "roughly/report-submit/1",
    ok: false,
    url: there.url,
    status: 400,
  }]);
});

Deno.test("report submit passes on what the collector says, and no more than a line", async () => {
  const esc = String.fromCharCode(27);
  const bodies = [
    "\n  too   old:\tsend it\nwithin a year\n",
    `${esc}[2Jno${"x".repeat(5000)}`,
  ];
  const lines: string[] = [];
  await using given = await withReport();
  for (const body of bodies) {
    for (const json of [false, true]) {
      const code = await reportSubmit(given.file, "https://c.example/", {
        tries: 1,
        json,
      }, {
        out: (line) => void lines.push(line),
        err: (line) => assert.fail(line),
        progress: () => {},
      }, {
        fetch: () => Promise.resolve(new Response(body, { status: 422 })),
      });
      assert.equal(code, 4);
    }
  }
  const [refused, said, machine, , hostile = "", longMachine] = lines;
  assert.equal(refused, "Report refused by https://c.example/ (HTTP 422).");
  assert.equal(said, "It says: too old: send it within a year");
  assert.equal(json(machine).said, "too old: send it within a year");
  assert(hostile.startsWith("It says: \\u{1b}[2Jno"), hostile);
  assert(hostile.length < 1100);
  assert.equal(json(longMachine).said.length, 1000);
});

Deno.test("report submit does not read for ever, nor trip over a body that breaks off", async () => {
  let cancelled = 0;
  let pulled = 0;
  const endless = () =>
    new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new TextEncoder().encode("no ".repeat(100)));
      },
      cancel: () => void cancelled++,
    });
  const broken = () =>
    new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => controller.error(new Error("broken off")),
    });
  await using given = await withReport();
  const outs: string[] = [];
  for (const body of [endless, broken]) {
    const code = await reportSubmit(given.file, "https://c.example/", {
      tries: 1,
    }, {
      out: (line) => void outs.push(line),
      err: (line) => assert.fail(line),
      progress: () => {},
    }, {
      fetch: () => Promise.resolve(new Response(body(), { status: 400 })),
    });
    assert.equal(code, 4);
  }
  assert.equal(cancelled, 1);
  assert(pulled < 10);
  assert.match(outs[1] ?? "", /^It says: no no /);
  assert.deepEqual(outs.slice(2), [
    "Report refused by https://c.example/ (HTTP 400).",
  ]);
});

Deno.test("report submit tries again when the collector is not well, and says so", async () => {
  await using there = collector(
    { status: 503 },
    { status: 429, headers: { "retry-after": "60" } },
    { status: 200 },
  );
  await using given = await withReport();
  const { code, out, err, waits } = await submitAtOnce(
    given.file,
    there.url,
    3,
  );
  assert.equal(code, 0);
  assert.deepEqual(waits, [10_000, 60_000]);
  assert.deepEqual(err, [
    "roughly: warning: HTTP 503, trying again in 10 s",
    "roughly: warning: HTTP 429, trying again in 60 s",
  ]);
  assert.deepEqual(out, [`Report accepted by ${there.url} (HTTP 200).`]);

  await using ill = collector({ status: 500 });
  const gaveUp = await submitAtOnce(given.file, ill.url, 2);
  assert.equal(gaveUp.code, 4);
  assert.equal(ill.requests.length, 2);
  assert.deepEqual(gaveUp.out, [
    `Report refused by ${ill.url} (HTTP 500).`,
  ]);
});

Deno.test("report submit says when a collector wants it later than a command waits", async () => {
  await using there = collector({
    status: 503,
    headers: {
      date: "Tue, 03 Nov 2026 12:00:00 GMT",
      "retry-after": "Tue, 03 Nov 2026 14:00:00 GMT",
    },
  });
  await using given = await withReport();
  const out: string[] = [];
  const err: string[] = [];
  for (const json of [false, true]) {
    const code = await reportSubmit(given.file, there.url, { tries: 5, json }, {
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
      progress: () => {},
    }, {
      wait: () => assert.fail("it waits"),
      // This clock is a day behind the collector's, which changes nothing.
      now: () => Date.UTC(2026, 10, 2, 12),
    });
    assert.equal(code, 4);
  }
  const [line, object] = out;
  assert.equal(line, `Report refused by ${there.url} (HTTP 503).`);
  assert.deepEqual(json(object), {
    schema: "roughly/report-submit/1",
    ok: false,
    url: there.url,
    status: 503,
    retryAt: "2026-11-02T14:00:00.000Z",
  });
  const hint =
    "roughly: hint: the collector asks you to try again at 2026-11-02T14:00:00.000Z: run the same command then";
  assert.deepEqual(err, [hint, hint]);
  assert.equal(there.requests.length, 2);
});

Deno.test("report submit ends with 3 if the collector cannot be reached", async () => {
  let url: string;
  {
    await using there = collector({ status: 200 });
    url = there.url;
  }
  await using given = await withReport();
  const words = [...SUBMIT, given.file, url, "--tries=1", "--json"];
  const ended = await run(...words);
  assertFailure(ended, 3, /^cannot reach 127\.0\.0\.1:\d+: /);
  assert.equal(json(ended.out[0]).error.code, "unreachable");
  await assert.rejects(
    submitAtOnce(given.file, url, 2),
    (error) => error instanceof NetworkError && error.code === "unreachable",
  );
});

Deno.test("report submit sends evidence nowhere but where it was told to", async () => {
  await using elsewhere = collector({ status: 200 });
  await using there = collector({
    status: 307,
    headers: { location: elsewhere.url },
  });
  await using given = await withReport();
  const words = [...SUBMIT, given.file, there.url, "--tries=1"];
  await fails(3, /^cannot reach /, ...words);
  assert.deepEqual(elsewhere.requests, []);
});

Deno.test("report submit takes the collector from the list, if that names one", async () => {
  await using given = await withReport();
  const list = await writeList(given.in("list.json"), []);
  const { err } = await fails(
    2,
    "no collector is known: the server list names none",
    ...[...SUBMIT, given.file, "--list", list],
  );
  assert.equal(err[1], "roughly: hint: give its URL as the last word");

  const reports = "https://collector.example/reports";
  await writeList(list, [], { reports });
  const urls: string[] = [];
  const lines: string[] = [];
  const code = await reportSubmit(given.file, undefined, { list, tries: 1 }, {
    out: (line) => void lines.push(line),
    err: (line) => assert.fail(line),
    progress: () => {},
  }, {
    fetch: (url) => {
      urls.push(String(url));
      return Promise.resolve(new Response(null, { status: 201 }));
    },
  });
  assert.equal(code, 0);
  assert.deepEqual(urls, [reports]);
  assert.deepEqual(lines, [`Report accepted by ${reports} (HTTP 201).`]);
});

Deno.test("report submit sends nothing over plain HTTP, except on this machine", async () => {
  await using given = await withReport();
  for (
    const url of [
      "http://collector.example/",
      "http://127.0.0.1.example/",
      "ftp://127.0.0.1/",
      "collector.example",
    ]
  ) {
    await fails(
      2,
      /^cannot send report: the collector needs an address with https /,
      ...[...SUBMIT, given.file, url],
    );
  }
});

Deno.test("report submit sends nothing that proves nothing", async () => {
  const chain = await gatherEvidence(Ahead, Server);
  const [first, ...others] = chain;
  assert(first);
  const { exchange } = first;
  const response = flip(exchange.response, 8 * (exchange.response.length - 40));
  const cases: [text: string, message: RegExp][] = [
    [
      malfeasanceReport(await gatherEvidence(Server, Server)),
      /^cannot send report: its replies do not contradict each other$/,
    ],
    [
      malfeasanceReport([
        { ...first, exchange: { ...exchange, response } },
        ...others,
      ]),
      /^cannot send report: entry 0: ./,
    ],
    [malfeasanceReport(chain.toReversed()), /^cannot send report: entry 1: ./],
    ["{", /^cannot read report: it is not JSON$/],
  ];
  await using there = collector({ status: 200 });
  for (const [text, message] of cases) {
    await using given = await withReport(text);
    const words = [...SUBMIT, given.file, there.url];
    await fails(2, message, ...words);
    const { out } = await fails(2, message, ...words, "--json");
    assert.equal(json(out[0]).schema, "roughly/report-submit/1");
    assert.equal(json(out[0]).error.code, "report");
  }
  assert.deepEqual(there.requests, []);
});

Deno.test("report submit refuses what makes no sense", async () => {
  await using given = await withReport("[]");
  const url = "http://127.0.0.1:2/";
  await fails(2, /^there is no file /, ...SUBMIT, given.in("none"), url);
  await fails(2, /^cannot use "0"/, ...SUBMIT, given.file, url, "--tries=0");
  await fails(2, /^missing required argument/, ...SUBMIT);
});

Deno.test("report submit as a process ends with 8 where it is not permitted", async () => {
  await using there = collector({ status: 200 });
  await using given = await withReport();
  const permissions = [`--allow-read=${given.file}`];
  const words = [...SUBMIT, given.file, there.url];
  const ended = await execute(words, { permissions });
  assertFailure(ended, 8, /^cannot reach 127\.0\.0\.1:\d+: /);
  assert.deepEqual(there.requests, []);
});

Deno.test("report submit refuses a list that it would not look at", async () => {
  await fails(
    2,
    /^cannot use --list with a URL: it would do nothing$/,
    ...["report", "submit", "report.json", "https://h.invalid/", "--list=x"],
  );
});
