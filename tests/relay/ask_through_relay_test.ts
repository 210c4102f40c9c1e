import assert from "node:assert/strict";
import { TrustedClock } from "../../lib/clock/trusted_clock.ts";
import { measure } from "../../lib/ecosystem/measure.ts";
import type { Question } from "../../lib/ecosystem/pick.ts";
import { askThroughRelay } from "../../lib/relay/ask_through_relay.ts";
import { relay } from "../../lib/relay/relay.ts";
import { NetworkError, VerificationError } from "../../lib/wire/errors.ts";
import { answerOf, listed } from "../_support/many.ts";
import { SECOND } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;
const SERVERS = [0, 1, 2].map((n) => listed(n));
const BASE = "https://relay.example/relay/";

/** A relay in memory, in front of servers that really sign. */
function through(spoil = (reply: Uint8Array) => reply) {
  const handler = relay({
    servers: SERVERS,
    forward: async ({ name }, request) => {
      const n = SERVERS.findIndex((one) => one.name === name);
      const midpointMicros = BigInt(Date.now()) * 1000n;
      const moment = { midpointMicros, radiusMicros: 3n * SECOND };
      return spoil(await answerOf(n, request, moment));
    },
  });
  const fetch = (input: URL | RequestInfo, init?: RequestInit) =>
    handler(new Request(input, init));
  return askThroughRelay(BASE, { fetch });
}

function question(more: Partial<Question> = {}): Question {
  const [{ publicKey, addresses }] = SERVERS as [typeof SERVERS[0]];
  return {
    address: addresses[0] as Question["address"],
    transport: "auto",
    publicKey,
    versions: undefined,
    nonce: crypto.getRandomValues(new Uint8Array(32)),
    timeout: 5000,
    signal: undefined,
    ...more,
  };
}

Deno.test("measure() and TrustedClock ask through a relay", none, async () => {
  const ask = through();
  const { quorum, chain, violations } = await measure(SERVERS, { ask });
  assert(quorum.ok && quorum.agreeing === 3);
  assert.equal(chain.length, 6);
  assert.deepEqual(violations, []);
  using clock = await TrustedClock.create({ servers: SERVERS, ask });
  const { earliestMicros, latestMicros } = clock.now();
  const now = BigInt(Date.now()) * 1000n;
  assert(earliestMicros <= now && now <= latestMicros);
});

Deno.test("a relay cannot lie", none, async () => {
  const ask = through((reply) => {
    const spoilt = Uint8Array.from(reply);
    spoilt[100] = (spoilt[100] as number) ^ 1;
    return spoilt;
  });
  await assert.rejects(ask(question()), (error) => {
    assert(error instanceof VerificationError);
    assert.equal(error.server, "s0.op0.example:2002");
    return true;
  });
});

Deno.test(
  "silence makes it try what else could be offered, and end as a timeout",
  none,
  async () => {
    const offers: number[] = [];
    const ask = askThroughRelay(BASE, {
      fetch: async (input, init) => {
        offers.push((await new Request(input, init).bytes()).length);
        return new Response(null, { status: 504 });
      },
    });
    await assert.rejects(ask(question()), {
      name: "TimeoutError",
      message:
        /^No answer from s0\.op0\.example port 2002 through relay\.example within 5 s$/,
    });
    assert(offers.length > 1);
  },
);

Deno.test(
  "a relay that refuses, is not there, or talks without end",
  none,
  async () => {
    const cases: [() => Promise<Response>, RegExp][] = [
      [
        () => Promise.resolve(new Response("no", { status: 429 })),
        /answers 429/,
      ],
      [
        () => Promise.reject(new TypeError("fetch failed")),
        /cannot be reached/,
      ],
      [
        () => Promise.resolve(new Response(new Uint8Array(5000))),
        /longer than/,
      ],
    ];
    for (const [fetch, message] of cases) {
      await assert.rejects(
        askThroughRelay(BASE, { fetch })(question()),
        (error) => {
          assert(error instanceof NetworkError);
          assert.match(error.message, message);
          return true;
        },
      );
    }
  },
);

Deno.test("whoever has had enough is not kept waiting", none, async () => {
  const stop = new AbortController();
  const ask = askThroughRelay(BASE, {
    fetch: (_, init) =>
      new Promise((_resolve, reject) => {
        const { signal } = init ?? {};
        signal?.addEventListener("abort", () => reject(signal.reason));
        stop.abort(new Error("enough"));
      }),
  });
  await assert.rejects(ask(question({ signal: stop.signal })), /enough/);
});

Deno.test(
  "what is sent: the packet alone, to the server's key, with nothing of the user's",
  none,
  async () => {
    let seen: Request | undefined;
    const ask = askThroughRelay("https://relay.example/a/b", {
      fetch: (input, init) => {
        seen = new Request(input, init);
        return Promise.resolve(new Response(null, { status: 504 }));
      },
    });
    await assert.rejects(ask(question({ timeout: 100 })));
    assert.match(
      seen?.url ?? "",
      /^https:\/\/relay\.example\/a\/b\/[\w-]{43}$/,
    );
    assert.throws(() => askThroughRelay("file:///x"), TypeError);
  },
);
