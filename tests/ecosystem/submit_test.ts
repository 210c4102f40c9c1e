import assert from "node:assert/strict";
import { NetworkError, WireError } from "../../lib/wire/errors.ts";
import {
  malfeasanceReport,
  parseReport,
  type Report,
} from "../../lib/verify/report.ts";
import {
  REPORT_MEDIA_TYPE,
  type SubmitOptions,
  submitReport,
} from "../../lib/ecosystem/submit.ts";
import { edit, put } from "../_support/fixtures.ts";
import { FORMS, makeChain } from "../_support/many.ts";
import { TAG } from "../../lib/wire/tag.ts";

const none = { permissions: "none" } as const;
const URL_HTTPS = "https://collector.example/reports";
const HOUR = 3_600_000_000n;

const lie = await makeChain([
  { dialect: "draft-14", server: 0, aheadMicros: HOUR },
  { dialect: "draft-14", server: 1 },
]);
const TEXT = malfeasanceReport(lie);
const REPORT = parseReport(TEXT);

interface Collector extends SubmitOptions {
  readonly requests: { url: string; init: RequestInit }[];
  readonly waits: number[];
  readonly fetch: typeof globalThis.fetch;
  readonly wait: NonNullable<SubmitOptions["wait"]>;
}

/** Answers each request as the next in line says; the last one goes on. */
function collector(...answers: readonly (Response | Error)[]): Collector {
  const requests: Collector["requests"] = [];
  const waits: number[] = [];
  return {
    requests,
    waits,
    fetch: (url, init) => {
      const answer = answers[Math.min(requests.length, answers.length - 1)];
      requests.push({ url: String(url), init: init as RequestInit });
      return answer instanceof Response
        ? Promise.resolve(answer.clone())
        : Promise.reject(answer);
    },
    wait: (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    },
  };
}

const status = (code: number, headers: Record<string, string> = {}) =>
  new Response(null, { status: code, headers });

Deno.test(
  "a report goes out as section 8.4 wants it, by POST and with its media type",
  none,
  async () => {
    const options = collector(status(201));
    const result = await submitReport(REPORT, URL_HTTPS, options);
    assert.equal(result.ok, true);
    assert.equal(result.status, 201);
    const [{ url, init }] = options.requests as [Collector["requests"][0]];
    assert.equal(url, URL_HTTPS);
    assert.equal(init.method, "POST");
    assert.equal(
      new Headers(init.headers).get("content-type"),
      "application/roughtime-malfeasance+json",
    );
    assert.equal(REPORT_MEDIA_TYPE, "application/roughtime-malfeasance+json");
    assert.equal(init.body, TEXT);
    assert.equal(init.redirect, "error");
    assert.deepEqual(options.waits, []);
  },
);

Deno.test(
  "a report in another form with requests goes out in the RFC's",
  none,
  async () => {
    const options = collector(status(200));
    const bare = parseReport(JSON.stringify(FORMS["bare-array"](lie)));
    await submitReport(bare, URL_HTTPS, options);
    assert.equal(options.requests[0]?.init.body, TEXT);
  },
);

Deno.test(
  "a report is sent by https, or to this very machine",
  none,
  async () => {
    const good = [
      "https://a.example/",
      "http://localhost:8080/x",
      "http://127.0.0.1/",
      "http://[::1]:99/",
    ];
    for (const url of good) {
      const options = collector(status(200));
      assert((await submitReport(REPORT, new URL(url), options)).ok);
    }
    const bad = [
      "http://a.example/",
      "http://localhost.a.example/",
      "http://127.0.0.1.a.example/",
      "http://10.0.0.1/",
      "ftp://a.example/",
      "file:///tmp/x",
      "a.example",
      "",
    ];
    for (const url of bad) {
      const options = collector(status(200));
      await assert.rejects(submitReport(REPORT, url, options), WireError, url);
      assert.equal(options.requests.length, 0);
    }
  },
);

Deno.test("a report that proves nothing is never sent", none, async () => {
  const honest = await makeChain([
    { dialect: "draft-14", server: 0 },
    { dialect: "draft-14", server: 1 },
  ]);
  const spoilt = lie.map((link, i) => ({
    ...link,
    exchange: {
      ...link.exchange,
      response: i === 0 ? link.exchange.response : edit(
        link.exchange.response,
        (entries) => put(entries, TAG.SIG, new Uint8Array(64)),
      ),
    },
  }));
  const google = await makeChain([
    { dialect: "google", server: 0, aheadMicros: HOUR },
    { dialect: "google", server: 1 },
  ]);
  const read = (value: unknown): Report => parseReport(JSON.stringify(value));
  const cases: readonly [Report, RegExp][] = [
    [parseReport(malfeasanceReport(honest)), /do not contradict/],
    [parseReport(malfeasanceReport(lie.slice(0, 1))), /do not contradict/],
    [parseReport(malfeasanceReport([...lie].reverse())), /entry 1: .*nonce/],
    [parseReport(malfeasanceReport(spoilt)), /entry 1: /],
    [read(FORMS["google-chain"](google)), /no requests/],
    [read(FORMS["draft-08"](lie)), /entry 0: .*no requests/],
  ];
  for (const [report, says] of cases) {
    const options = collector(status(200));
    await assert.rejects(submitReport(report, URL_HTTPS, options), (error) => {
      assert(error instanceof WireError);
      assert.equal(error.code, "report");
      assert.match(error.message, says);
      return true;
    });
    assert.equal(options.requests.length, 0);
  }
});

Deno.test(
  "tries are 10 s, 15 s, 22.5 s ... apart and at most a day (section 8.4)",
  none,
  async () => {
    const options = collector(status(503));
    const told: [string, number][] = [];
    const result = await submitReport(REPORT, URL_HTTPS, {
      ...options,
      tries: 30,
      onRetry: (why, delayMs) => told.push([why, delayMs]),
    });
    assert.equal(result.ok, false);
    assert.equal(result.status, 503);
    assert.equal(options.requests.length, 30);
    assert.deepEqual(
      options.waits,
      Array.from(
        { length: 29 },
        (_, n) => Math.min(10_000 * 1.5 ** n, 86_400_000),
      ),
    );
    assert.deepEqual(told, options.waits.map((wait) => ["HTTP 503", wait]));
  },
);

Deno.test(
  "what may pass is tried again: 429, 5xx, a collector out of reach",
  none,
  async () => {
    const away = new TypeError("connection refused");
    const options = collector(status(429), status(500), away, status(200));
    const result = await submitReport(REPORT, URL_HTTPS, options);
    assert.equal(result.ok, true);
    assert.deepEqual(options.waits, [10_000, 15_000, 22_500]);
  },
);

Deno.test("what the collector refuses is not tried again", none, async () => {
  for (const code of [400, 401, 403, 404, 413, 415, 422]) {
    const options = collector(status(code));
    const result = await submitReport(REPORT, URL_HTTPS, options);
    assert.deepEqual([result.ok, result.status], [false, code]);
    assert.equal(options.requests.length, 1);
  }
});

Deno.test(
  "a collector that stays out of reach is a NetworkError in the end",
  none,
  async () => {
    const cause = new TypeError("connection refused");
    const options = collector(cause);
    await assert.rejects(
      submitReport(REPORT, URL_HTTPS, { ...options, tries: 3 }),
      (error) => {
        assert(error instanceof NetworkError);
        assert.equal(error.code, "unreachable");
        assert.equal(error.cause, cause);
        assert.match(error.message, /collector\.example.*connection refused/);
        return true;
      },
    );
    assert.equal(options.requests.length, 3);
  },
);

Deno.test(
  "a collector may ask for more time, but not for less",
  none,
  async () => {
    const cases: readonly [retryAfter: string, waitMs: number][] = [
      ["60", 60_000],
      ["1", 10_000],
      ["0", 10_000],
      ["-5", 10_000],
      ["soon", 10_000],
      ["300", 300_000],
    ];
    for (const [retryAfter, waitMs] of cases) {
      const busy = status(503, { "retry-after": retryAfter });
      const options = collector(busy, status(200));
      await submitReport(REPORT, URL_HTTPS, options);
      assert.deepEqual(options.waits, [waitMs], retryAfter);
    }
  },
);

Deno.test("the signal ends it while sending", none, async () => {
  const controller = new AbortController();
  const options = collector(status(200));
  await assert.rejects(
    submitReport(REPORT, URL_HTTPS, {
      ...options,
      signal: controller.signal,
      fetch: (_, init) => {
        controller.abort(new Error("enough"));
        return Promise.reject(init?.signal?.reason);
      },
    }),
    /enough/,
  );
  assert.deepEqual(options.waits, []);
});

Deno.test(
  "the signal ends it while waiting, also with the real timer",
  none,
  async () => {
    for (const wait of [undefined, () => Promise.resolve()]) {
      const controller = new AbortController();
      const options = { ...collector(status(503)), wait };
      await assert.rejects(
        submitReport(REPORT, URL_HTTPS, {
          ...options,
          signal: controller.signal,
          onRetry: () =>
            queueMicrotask(() => controller.abort(new Error("enough"))),
        }),
        /enough/,
      );
      assert.equal(options.requests.length, 1);
    }
  },
);

Deno.test(
  "a signal that has already fired is not waited for",
  none,
  async () => {
    const setTimeoutBefore = globalThis.setTimeout;
    const controller = new AbortController();
    const options = collector(status(503));
    const waits: (number | undefined)[] = [];
    try {
      globalThis.setTimeout = ((fn: () => void, ms?: number) => {
        waits.push(ms);
        return setTimeoutBefore(fn, 0);
      }) as typeof globalThis.setTimeout;
      await assert.rejects(
        submitReport(REPORT, URL_HTTPS, {
          ...options,
          wait: undefined,
          signal: controller.signal,
          onRetry: () => controller.abort(new Error("enough")),
        }),
        /enough/,
      );
    } finally {
      globalThis.setTimeout = setTimeoutBefore;
    }
    assert.deepEqual(waits, []);
  },
);

const NOW_MS = Date.UTC(2026, 10, 3, 12);
const now = () => NOW_MS;

Deno.test(
  "a collector may name the moment, by its own clock or else by this one",
  none,
  async () => {
    const cases: readonly [headers: Record<string, string>, waitMs: number][] =
      [
        [{ "retry-after": "Tue, 03 Nov 2026 12:02:00 GMT" }, 120_000],
        [{ "retry-after": "Tue, 03 Nov 2026 11:02:00 GMT" }, 10_000],
        [{
          "retry-after": "Tue, 03 Nov 2026 15:02:00 GMT",
          date: "Tue, 03 Nov 2026 15:00:00 GMT",
        }, 120_000],
        [{
          "retry-after": "Tue, 03 Nov 2026 12:02:00 GMT",
          date: "yesterday",
        }, 120_000],
      ];
    for (const [headers, waitMs] of cases) {
      const options = collector(status(503, headers), status(200));
      const told: number[] = [];
      const { ok } = await submitReport(REPORT, URL_HTTPS, {
        ...options,
        now,
        onRetry: (_, delayMs) => told.push(delayMs),
      });
      assert(ok);
      assert.deepEqual([options.waits, told], [[waitMs], [waitMs]]);
    }
  },
);

Deno.test(
  "a collector that asks for more than five minutes is not waited for",
  none,
  async () => {
    const cases: readonly [retryAfter: string, at: string][] = [
      ["301", "2026-11-03T12:05:01.000Z"],
      ["86400", "2026-11-04T12:00:00.000Z"],
      ["Wed, 04 Nov 2026 00:00:00 GMT", "2026-11-04T00:00:00.000Z"],
      ["9".repeat(400), "+275760-09-13T00:00:00.000Z"],
    ];
    for (const code of [429, 503]) {
      for (const [retryAfter, at] of cases) {
        const options = collector(status(code, { "retry-after": retryAfter }));
        const result = await submitReport(REPORT, URL_HTTPS, {
          ...options,
          now,
          onRetry: () => assert.fail("it is not tried again"),
        });
        assert.deepEqual([result.ok, result.status], [false, code]);
        assert.equal(result.retryAt?.toISOString(), at);
        assert.deepEqual(options.waits, []);
      }
    }
  },
);

Deno.test(
  "the last answer tells when to try again, whatever it is",
  none,
  async () => {
    const headers = { "retry-after": "60" };
    const once = { tries: 1, now };
    for (const code of [404, 413, 503]) {
      const options = { ...collector(status(code, headers)), ...once };
      const { retryAt } = await submitReport(REPORT, URL_HTTPS, options);
      assert.equal(retryAt?.getTime(), NOW_MS + 60_000);
    }
    const taken = { ...collector(status(200, headers)), ...once };
    assert.deepEqual(await submitReport(REPORT, URL_HTTPS, taken), {
      ok: true,
      status: 200,
    });
    // Once the RFC's own wait is longer, what is asked for is no burden.
    const patient = collector(
      ...Array.from({ length: 10 }, () => status(503)),
      status(503, { "retry-after": "400" }),
      status(200),
    );
    const { ok } = await submitReport(REPORT, URL_HTTPS, {
      ...patient,
      tries: 30,
    });
    assert(ok);
    assert.equal(patient.waits.at(-1), 10_000 * 1.5 ** 10);
  },
);
