import assert from "node:assert/strict";
import { formatKey } from "../../lib/wire/key_text.ts";
import type { Forward } from "../../lib/relay/forward.ts";
import { relay, type RelayOptions } from "../../lib/relay/relay.ts";
import { NetworkError } from "../../lib/wire/errors.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { listed } from "../_support/many.ts";

const none = { permissions: "none" } as const;
const NAME = "Łódź <b>/?\u202e";
const SERVERS = [listed(0), listed(1, { name: NAME })];
const REPLY = new Uint8Array(400).fill(7);

function packet(size = 1024): Uint8Array<ArrayBuffer> {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  return buildRequest({ versions: [1], nonce, size });
}

function make(more: Partial<RelayOptions> = {}) {
  const asked: [name: string, bytes: number][] = [];
  const send: Forward = ({ name }, request) => {
    asked.push([name, request.length]);
    return Promise.resolve(REPLY);
  };
  const handler = relay({
    servers: SERVERS,
    forward: send,
    now: () => 0,
    ...more,
  });
  const ask = (name: string, init: RequestInit = {}) =>
    handler(
      new Request(`http://relay.example/relay/${encodeURIComponent(name)}`, {
        method: "POST",
        body: packet(),
        ...init,
      }),
    );
  return { ask, asked, handler };
}

async function codeOf(response: Response): Promise<string> {
  return (await response.json()).error.code;
}

Deno.test(
  "a packet goes to the server that is named, by name or by key",
  none,
  async () => {
    const { ask, asked } = make();
    const key = formatKey(SERVERS[0]?.publicKey as Uint8Array);
    const url = key.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
    for (const name of ["op0.example", url, key, NAME]) {
      const response = await ask(name);
      assert.equal(response.status, 200);
      assert.equal(
        response.headers.get("content-type"),
        "application/octet-stream",
      );
      assert.equal(response.headers.get("cache-control"), "no-store");
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      assert.deepEqual(await response.bytes(), REPLY);
    }
    await ask(NAME, { body: packet(1472) });
    assert.deepEqual(asked.map(([name]) => name), [
      ...["op0.example", "op0.example", "op0.example", NAME, NAME],
    ]);
    assert.equal(asked.at(-1)?.[1], 1472);
  },
);

Deno.test("nobody else is asked, and nothing else is sent", none, async () => {
  const { ask, asked, handler } = make();
  for (const name of ["op2.example", "127.0.0.1:53", "", "..", "op0"]) {
    const response = await ask(name);
    assert.equal(response.status, 404);
    assert.equal(await codeOf(response), "server");
  }
  const broken = await handler(
    new Request("http://relay.example/relay/%E0%A4%A", { method: "POST" }),
  );
  assert.equal(broken.status, 404);
  const cases: [BodyInit, number, string][] = [
    ["x", 400, "short"],
    [new Uint8Array(10_000_000), 413, "long"],
    [new Uint8Array(1024), 400, "request"],
  ];
  for (const [body, status, code] of cases) {
    const response = await ask("op0.example", { body });
    assert.equal(response.status, status);
    assert.equal(await codeOf(response), code);
  }
  for (const method of ["GET", "PUT", "DELETE"]) {
    const init = method === "GET" ? { body: null } : {};
    const response = await ask("op0.example", { method, ...init });
    assert.equal(response.status, 405);
    await response.body?.cancel();
  }
  assert.deepEqual(asked, []);
});

Deno.test(
  "other sites' pages may read, and send nothing but a packet",
  none,
  async () => {
    const { ask } = make({ origin: "https://page.example" });
    const { status, headers } = await ask("op0.example", { method: "OPTIONS" });
    assert.equal(status, 204);
    assert.equal(
      headers.get("access-control-allow-origin"),
      "https://page.example",
    );
    assert.equal(headers.get("access-control-allow-methods"), "POST");
    assert.equal(headers.get("access-control-allow-credentials"), null);
  },
);

Deno.test(
  "100 requests a second: each client gets its share and is told when to come again",
  none,
  async () => {
    const clients = new WeakMap<Request, string>();
    const { handler, asked } = make({
      perMinute: 10,
      clientOf: (request) => clients.get(request),
    });
    const statuses: number[] = [];
    for (let i = 0; i < 100; i++) {
      const request = new Request("http://relay.example/relay/op0.example", {
        method: "POST",
        body: packet(),
      });
      clients.set(request, "192.0.2.1");
      const response = await handler(request);
      statuses.push(response.status);
      if (response.status === 429) {
        assert.equal(response.headers.get("retry-after"), "6");
        assert.equal(await codeOf(response), "rate");
      } else await response.body?.cancel();
    }
    assert.equal(asked.length, 10);
    assert.equal(statuses.filter((status) => status === 429).length, 90);
  },
);

Deno.test("only so many are under way at one time", none, async () => {
  const gate = Promise.withResolvers<Uint8Array>();
  const { ask } = make({ maxPending: 2, forward: () => gate.promise });
  const waiting = [ask("op0.example"), ask("op0.example")];
  const third = await ask("op0.example");
  assert.equal(third.status, 429);
  await third.body?.cancel();
  gate.resolve(REPLY);
  for (const response of await Promise.all(waiting)) {
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  const after = await ask("op0.example");
  assert.equal(after.status, 200);
  await after.body?.cancel();
});

Deno.test(
  "silence, a reply that is too long, and no way there are told apart",
  none,
  async () => {
    const cases: [Forward, number, string][] = [
      [() => Promise.resolve(undefined), 504, "no-answer"],
      [() => Promise.resolve(new Uint8Array(1028)), 504, "no-answer"],
      [
        () => Promise.reject(new NetworkError("denied", "/secret/path")),
        502,
        "other",
      ],
    ];
    for (const [send, status, code] of cases) {
      const response = await make({ forward: send }).ask("op0.example");
      assert.equal(response.status, status);
      const text = await response.text();
      assert.equal(JSON.parse(text).error.code, code);
      assert(!text.includes("secret"));
    }
  },
);

Deno.test("a list that changes is looked at anew", none, async () => {
  let servers = SERVERS.slice(0, 1);
  const { ask } = make({ servers: () => servers });
  assert.equal((await ask(NAME)).status, 404);
  servers = SERVERS;
  assert.equal((await ask(NAME)).status, 200);
});
