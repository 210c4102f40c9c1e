import assert from "node:assert/strict";
import fc from "fast-check";
import { chainNonce } from "../../lib/verify/chain.ts";
import { DIALECTS, GOOGLE_VERSION, offerFor } from "../../lib/wire/dialect.ts";
import { NetworkError, VerificationError } from "../../lib/wire/errors.ts";
import {
  askListed,
  type AskServer,
  type Question,
  sampleByOperator,
  shuffle,
} from "../../lib/ecosystem/pick.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import { bytes, NOW_MICROS, seeded } from "../_support/fixtures.ts";
import { claim, listed, signerOf, World } from "../_support/many.ts";

type ServerAddress = ListedServer["addresses"][number];

const none = { permissions: "none" } as const;

const timeout = () => new DOMException("nothing came", "TimeoutError");
const rejected = () =>
  new VerificationError({ code: "merkle-root" }, {
    request: new Uint8Array(),
    response: new Uint8Array(),
    publicKey: new Uint8Array(32),
  });

/** Answers what `answers` says, and writes down what it was asked. */
function recorder(
  answers: (question: Question) => boolean | Error = () => true,
): { ask: AskServer; asked: Question[] } {
  const asked: Question[] = [];
  const world = new World();
  return {
    asked,
    ask: (question) => {
      asked.push(question);
      const answer = answers(question);
      if (answer !== true) return Promise.reject(answer || timeout());
      const moment = { midpointMicros: NOW_MICROS, radiusMicros: 1n };
      return Promise.resolve(claim(question, world, 0n, moment));
    },
  };
}

function at(
  transport: "udp" | "tcp",
  host: string,
  port = 2002,
): ServerAddress {
  return { transport, host, port };
}

/** The routes tried with the usual offer, when nothing answers. */
async function routes(
  addresses: readonly ServerAddress[],
  transport?: "auto" | "udp" | "tcp",
): Promise<string[]> {
  const tried = await attempts({ addresses }, transport);
  return tried.filter((one) => !one.endsWith(`${GOOGLE_VERSION}`));
}

/** All that is tried, when nothing answers. */
async function attempts(
  more: Partial<ListedServer>,
  transport?: "auto" | "udp" | "tcp",
): Promise<string[]> {
  const { ask, asked } = recorder(() => false);
  await assert.rejects(askListed(listed(0, more), { ask, transport }));
  return asked.map(({ address, transport, versions }) =>
    `${transport} ${address.host}:${address.port}${
      versions ? ` ${versions.join()}` : ""
    }`
  );
}

Deno.test(
  "askListed() asks for the listed key with a nonce of its own",
  none,
  async () => {
    const { ask, asked } = recorder();
    for (let i = 0; i < 2; i++) {
      const { answer, rand } = await askListed(listed(3), { ask });
      assert.equal(answer.verdict.midpointMicros, NOW_MICROS);
      assert.equal(rand, undefined);
    }
    const [first, second] = asked as [Question, Question];
    assert.deepEqual(first.publicKey, signerOf(3).publicKey);
    assert.equal(first.nonce.length, 32);
    assert.notDeepEqual(first.nonce, second.nonce);
  },
);

Deno.test(
  "askListed() makes the nonce from the previous reply, by the rule of what it offers",
  none,
  async () => {
    const { ask, asked } = recorder();
    const previous = bytes(400, 1);
    for (const id of ["rfc-10049", "draft-11", "draft-01", "google"] as const) {
      const dialect = DIALECTS[id];
      const server = listed(0, {
        version: dialect.code,
        offer: [dialect.code],
      });
      const { rand } = await askListed(server, { ask }, previous);
      const { nonce } = asked.at(-1) as Question;
      assert.equal(rand?.length, dialect.nonceSize);
      assert.deepEqual(nonce, chainNonce(dialect, previous, rand), id);
    }
  },
);

Deno.test(
  "askListed() tries the addresses in turn until one answers",
  none,
  async () => {
    const addresses = [at("udp", "a"), at("udp", "b"), at("udp", "c")];
    const { ask, asked } = recorder(({ address }) => address.host === "b");
    const { answer } = await askListed(listed(0, { addresses }), { ask });
    assert.equal(answer.address, "b:2002");
    assert.deepEqual(asked.map(({ address }) => address.host), ["a", "b"]);
    const nonces = new Set(asked.map(({ nonce }) => nonce.join()));
    assert.equal(nonces.size, 2, "a nonce was used twice");
  },
);

Deno.test(
  "askListed() goes by UDP, with TCP beside it unless it is listed for TCP alone",
  none,
  async () => {
    const both = [at("tcp", "a"), at("udp", "a")];
    assert.deepEqual(await routes([at("udp", "a")]), ["auto a:2002"]);
    assert.deepEqual(await routes(both), ["auto a:2002"]);
    assert.deepEqual(await routes([at("tcp", "a")]), ["tcp a:2002"]);
    assert.deepEqual(
      await routes([at("tcp", "a", 1), at("udp", "a", 2)]),
      ["auto a:2", "tcp a:1"],
    );
  },
);

Deno.test(
  "askListed() goes by UDP or TCP alone where it is told to",
  none,
  async () => {
    const both = [at("udp", "a"), at("tcp", "b")];
    assert.deepEqual(await routes(both, "udp"), ["udp a:2002"]);
    // Section 5: a server that answers UDP should answer TCP on the same port.
    assert.deepEqual(await routes(both, "tcp"), ["tcp b:2002", "tcp a:2002"]);
    assert.deepEqual(
      await routes([at("udp", "a"), at("tcp", "a")], "tcp"),
      ["tcp a:2002"],
    );
    const { ask, asked } = recorder();
    const server = listed(0, { addresses: [at("tcp", "a")] });
    await assert.rejects(
      askListed(server, { ask, transport: "udp" }),
      NetworkError,
    );
    assert.equal(asked.length, 0);
  },
);

Deno.test(
  "askListed() tries Google's protocol when nothing else is answered",
  none,
  async () => {
    const { ask, asked } = recorder(({ nonce }) => nonce.length === 64);
    const previous = bytes(400, 1);
    const server = listed(0, { version: undefined });
    const { rand } = await askListed(server, { ask }, previous);
    assert.deepEqual(
      asked.map(({ versions, nonce }) => [versions, nonce.length]),
      [
        [undefined, 32],
        [[GOOGLE_VERSION], 64],
      ],
    );
    assert.deepEqual(
      asked[1]?.nonce,
      chainNonce(DIALECTS.google, previous, rand as Uint8Array),
    );
  },
);

Deno.test(
  "askListed() begins with what the list says and lets it rule nothing out",
  none,
  async () => {
    const addresses = [at("udp", "a")];
    const google = `auto a:2002 ${GOOGLE_VERSION}`;
    const tried = (offer: readonly number[]) => attempts({ addresses, offer });
    assert.deepEqual(await tried([1]), [
      "auto a:2002 1",
      "auto a:2002",
      google,
    ]);
    assert.deepEqual(await tried([GOOGLE_VERSION]), [google, "auto a:2002"]);
    const { code } = DIALECTS["draft-03"];
    assert.deepEqual(await tried([code]), [
      `auto a:2002 ${code}`,
      "auto a:2002",
      google,
    ]);
    // What has the usual versions in it is not followed by them.
    const company = offerFor(0x80000009) as readonly number[];
    assert.deepEqual(await tried(company), [
      `auto a:2002 ${company.join()}`,
      google,
    ]);
  },
);

Deno.test(
  "askListed() never asks for Google's protocol over TCP",
  none,
  async () => {
    const { ask, asked } = recorder(() => false);
    const server = listed(0, {
      version: undefined,
      addresses: [at("tcp", "a"), at("udp", "b")],
    });
    for (const transport of ["auto", "tcp"] as const) {
      await assert.rejects(askListed(server, { ask, transport }));
    }
    const google = asked.filter(({ nonce }) => nonce.length === 64);
    assert.deepEqual(
      google.map(({ transport, address }) => [transport, address.host]),
      [["auto", "b"]],
    );
  },
);

Deno.test(
  "askListed() gives all tries together no more than the timeout",
  none,
  async () => {
    const { ask, asked } = recorder(() => false);
    const addresses = [at("udp", "a"), at("udp", "b"), at("tcp", "c")];
    const server = listed(0, { version: undefined, addresses });
    await assert.rejects(askListed(server, { ask, timeout: 3000 }));
    const sum = asked.reduce((sum, one) => sum + one.timeout, 0);
    assert(Math.abs(sum - 3000) < 1, `${sum} ms`);
  },
);

Deno.test(
  "askListed() says that an answer was rejected even if later tries stay unanswered",
  none,
  async () => {
    // Google's protocol is tried last, and a server that does not speak it is silent.
    const { ask } = recorder(({ nonce }) =>
      nonce.length === 32 ? rejected() : timeout()
    );
    const server = listed(0, { version: undefined });
    await assert.rejects(askListed(server, { ask }), VerificationError);
  },
);

Deno.test(
  "askListed() ends with the signal, before and while asking",
  none,
  async () => {
    const controller = new AbortController();
    const { ask, asked } = recorder(() => {
      controller.abort(new Error("enough"));
      return timeout();
    });
    const options = { ask, signal: controller.signal };
    const addresses = [at("udp", "a"), at("udp", "b")];
    await assert.rejects(askListed(listed(0, { addresses }), options));
    assert.equal(asked.length, 1);
    assert.equal(asked[0]?.signal, controller.signal);
    await assert.rejects(askListed(listed(0), options), /enough/);
    assert.equal(asked.length, 1);
  },
);

Deno.test(
  "shuffle() keeps everything, changes nothing and reaches every order",
  none,
  () => {
    const items = [1, 2, 3];
    const random = seeded(1);
    const orders = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = shuffle(items, random).join("");
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    assert.deepEqual(items, [1, 2, 3]);
    assert.equal(orders.size, 6);
    for (const [order, count] of orders) {
      assert(count > 800 && count < 1200, `${order}: ${count}`);
    }
    fc.assert(fc.property(fc.array(fc.nat()), (list) => {
      assert.deepEqual(shuffle(list).sort(), [...list].sort());
    }));
  },
);

Deno.test("sampleByOperator() takes no operator and no key twice", none, () => {
  const servers = fc.array(
    fc.record({ key: fc.nat({ max: 5 }), operator: fc.nat({ max: 5 }) })
      .map(({ key, operator }) =>
        listed(key, { operator: `op${operator}.example` })
      ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(
      servers,
      fc.nat({ max: 8 }),
      fc.integer(),
      (list, count, seed) => {
        const sample = sampleByOperator(list, count, seeded(seed));
        const size = (values: string[]) => new Set(values).size;
        assert(sample.length <= count);
        assert.equal(size(sample.map(({ name }) => name)), sample.length);
        assert.equal(
          size(sample.map(({ publicKey }) => publicKey.join())),
          sample.length,
        );
        assert(sample.every((server) => list.includes(server)));
        // Whoever could still be taken is not left out.
        const isFree = list.some((server) =>
          sample.every((taken) =>
            taken.name !== server.name &&
            taken.publicKey.join() !== server.publicKey.join()
          )
        );
        assert(sample.length === count || !isFree);
      },
    ),
  );
});

Deno.test("sampleByOperator() can choose any server", none, () => {
  const servers = [0, 1, 2, 3, 4].map((n) => listed(n));
  const random = seeded(1);
  const chosen = new Set<string>();
  for (let i = 0; i < 100; i++) {
    chosen.add(sampleByOperator(servers, 1, random)[0]?.name ?? "");
  }
  assert.equal(chosen.size, servers.length);
});

Deno.test(
  "askListed() gives what the list says twice the time of what it only tries",
  none,
  async () => {
    const { ask, asked } = recorder(() => false);
    const server = listed(0, { version: undefined });
    await assert.rejects(askListed(server, { ask, timeout: 3000 }));
    assert.deepEqual(
      asked.map(({ versions, timeout }) => [versions, timeout]),
      [[undefined, 2000], [[GOOGLE_VERSION], 1000]],
    );
  },
);

Deno.test(
  "askListed() throws the signal's reason once it has aborted, whatever the asking made of it",
  none,
  async () => {
    for (
      const addresses of [[at("udp", "a")], [at("udp", "a"), at("udp", "b")]]
    ) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const { ask, asked } = recorder(() => {
        controller.abort(reason);
        return timeout();
      });
      const options = { ask, signal: controller.signal };
      await assert.rejects(
        askListed(listed(0, { addresses }), options),
        (error) => error === reason,
      );
      assert.equal(asked.length, 1);
    }
  },
);
