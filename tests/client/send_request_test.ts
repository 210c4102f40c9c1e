/**
 * The client against real sockets on loopback: our own server, and scripted ones that
 * misbehave. What needs no sockets is in `ask_test.ts`.
 */

import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import net from "node:net";
import { concat } from "../../lib/crypto/bytes.ts";
import { decodeUint32s } from "../../lib/wire/uint.ts";
import {
  type QueryResult,
  sendRequest,
  type SendRequestOptions,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../../lib/client/send_request.ts";
import { DEFAULT_OFFER, GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import { frame, isFramed } from "../../lib/wire/frame.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import { formatAddress } from "../../lib/net/datagram.ts";
import { openNodeUdp } from "../../lib/net/node_udp.ts";
import type { Address, Lookup } from "../../lib/net/resolve.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  entriesOf,
  flip,
  messageOf,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
} from "../_support/fixtures.ts";

/** Seeds of PUBLIC_KEY and of OTHER_LONG_TERM. */
const SEED: Uint8Array = bytes(32, 1);
const OTHER_SEED: Uint8Array = bytes(32, 2);

function makeServer(options: ServerOptions = {}): Promise<Server> {
  return Server.create({ privateKey: SEED, greaseProbability: 0, ...options });
}

/** The reply to one request. */
async function replyOf(
  server: Server,
  request: Uint8Array,
): Promise<Uint8Array> {
  const [outcome] = await server.handleBatch([request]);
  assert(outcome && "reply" in outcome, Deno.inspect(outcome));
  return outcome.reply;
}

function loopbackHasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** Options that skip a test where there is no IPv6. */
function withIpv6(name: string): { name: string; ignore: boolean } {
  const ignore = !loopbackHasIpv6();
  return {
    name: ignore ? `${name} (skipped: no IPv6 on this machine)` : name,
    ignore,
  };
}

interface Scripted extends AsyncDisposable {
  hostname: string;
  port: number;
  /** What came in. */
  requests: Uint8Array[];
}

/** A UDP server that does what the script says with every request. */
async function scripted(
  script: (
    request: Uint8Array,
    say: (reply: Uint8Array) => Promise<void>,
    client: string,
  ) => Promise<void> | void,
  hostname = "127.0.0.1",
  port = 0,
): Promise<Scripted> {
  const socket = await openUdp({ hostname, port, maxBatch: 1 });
  const requests: Uint8Array[] = [];
  const running = (async () => {
    while (true) {
      const [datagram] = await socket.receive();
      if (datagram === undefined) return;
      const request = Uint8Array.from(datagram.bytes);
      const { peer } = datagram;
      requests.push(request);
      const say = async (reply: Uint8Array) => {
        await socket.send([{ bytes: reply, peer }]);
      };
      await script(request, say, String(peer));
    }
  })();
  return {
    hostname,
    port: socket.address.port,
    requests,
    async [Symbol.asyncDispose]() {
      socket.close();
      await running;
    },
  };
}

/** Bound, and silent. */
const SILENT = (): void => {};

interface TcpListener extends AsyncDisposable {
  port: number;
  /** What came in, packet by packet. */
  packets: Uint8Array[];
  /** How many connected. */
  connections: number;
}

/** A TCP server that writes what the script gives for every packet. */
async function listenTcp(
  script: (
    packet: Uint8Array,
    socket: net.Socket,
  ) => Promise<Uint8Array | undefined>,
  options: { hostname?: string; port?: number; greet?: "end" } = {},
): Promise<TcpListener> {
  const { hostname = "127.0.0.1", port = 0, greet } = options;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    listener.connections++;
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    if (greet === "end") socket.destroy();
    const reader = new PacketReader(4096);
    socket.on("data", async (chunk) => {
      for (const packet of reader.push(chunk)) {
        listener.packets.push(packet);
        const reply = await script(packet, socket);
        if (reply && !socket.destroyed) socket.write(reply);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  const listener: TcpListener = {
    port: (server.address() as AddressInfo).port,
    packets: [],
    connections: 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return listener;
}

/** A TCP port where nobody listens. */
async function deadPort(): Promise<number> {
  await using listener = await listenTcp(() => Promise.resolve(undefined));
  return listener.port;
}

/** Asks a port on loopback; a generous timeout, since none of these should need it. */
function query(
  port: number,
  options: Partial<SendRequestOptions> = {},
): Promise<QueryResult> {
  return sendRequest({
    host: "127.0.0.1",
    port,
    publicKey: PUBLIC_KEY,
    transport: "udp",
    timeout: 10_000,
    ...options,
  });
}

function found(...hostnames: string[]): Lookup {
  return () =>
    Promise.resolve(
      hostnames.map((hostname): Address => ({
        hostname,
        family: hostname.includes(":") ? 6 : 4,
      })),
    );
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => assert.fail(`no error but ${Deno.inspect(value)}`),
    (error) => error,
  );
}

async function rejection(
  promise: Promise<unknown>,
): Promise<VerificationError> {
  const error = await failure(promise);
  assert(error instanceof VerificationError, Deno.inspect(error));
  return error;
}

function assertTimeout(error: unknown): void {
  assert(error instanceof DOMException, Deno.inspect(error));
  assert.equal(error.name, "TimeoutError");
}

/** The value of a tag of a packet. */
function valueOf(packet: Uint8Array, wanted: number): Uint8Array {
  const entry = entriesOf(messageOf(packet)).find(([tag]) => tag === wanted);
  assert(entry);
  return entry[1];
}

function nonceOf(request: Uint8Array): Uint8Array {
  return valueOf(request, TAG.NONC);
}

function offerOf(request: Uint8Array): number[] {
  return decodeUint32s(valueOf(request, TAG.VER));
}

/** Overwrites a value where it stands. */
function overwrite(
  packet: Uint8Array,
  old: Uint8Array,
  value: Uint8Array,
): Uint8Array {
  const text = `,${packet.join()},`;
  const at = text.indexOf(`,${old.join()},`);
  assert(at >= 0);
  const copy = Uint8Array.from(packet);
  copy.set(value, text.slice(0, at).split(",").length - 1);
  return copy;
}

Deno.test("sendRequest() verifies the answer in every version", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  for (const dialect of ALL) {
    const result = await query(running.address.port, {
      versions: [dialect.code],
      typed: dialect.type === "required",
      fallback: false,
    });
    assert.equal(result.dialect, dialect.id);
    assert.equal(result.version, dialect.code);
    assert.equal(result.signedResponse.version, dialect.code);
    assert.equal(result.transport, "udp");
    assert.equal(result.address, `127.0.0.1:${running.address.port}`);
  }
});

Deno.test("sendRequest() finds the version of a server that speaks only one", async () => {
  for (const version of DEFAULT_OFFER) {
    const server = await makeServer({ versions: [version] });
    await using running = await serve(server, {
      hostname: "127.0.0.1",
      port: 0,
    });
    const result = await query(running.address.port);
    assert.equal(result.version, version);
    assert.deepEqual(offerOf(result.exchange.request), DEFAULT_OFFER);
  }
});

Deno.test("sendRequest() offers what most servers speak and leaves the choice to them", async () => {
  const cases = [[false, 0x8000000c, "draft-14"], [
    true,
    1,
    "rfc-10049",
  ]] as const;
  for (const [preferRfc, version, dialect] of cases) {
    const server = await makeServer({ preferRfc });
    await using running = await serve(server, {
      hostname: "127.0.0.1",
      port: 0,
    });
    const result = await query(running.address.port);
    assert.equal(result.version, version);
    assert.equal(result.dialect, dialect);
    assert.equal(result.exchange.request.length, 1024);
    assert(result.signedResponse.versions.includes(version));
  }
});

Deno.test("sendRequest() reads both spellings of version 1", async () => {
  for (const v1Context of ["rfc", "draft"] as const) {
    await using running = await serve(await makeServer({ v1Context }), {
      hostname: "127.0.0.1",
      port: 0,
    });
    const { verdict } = await query(running.address.port, { versions: [1] });
    const spelling = v1Context === "rfc" ? "rfc" : "plain";
    assert.deepEqual(verdict.spelling, {
      delegation: spelling,
      response: spelling,
    });
  }
});

Deno.test("sendRequest() offers something else when nothing comes, and repeats itself", async (t) => {
  const server = await makeServer();
  const offers = ({ requests }: Scripted) => requests.map(offerOf);

  // They all wait for the back-off, so they wait together.
  const cases: Record<string, () => Promise<void>> = {
    "0x8000000c alone for servers that choke on a list": async () => {
      await using asked = await scripted(async (request, say) => {
        if (offerOf(request).length === 1) {
          await say(await replyOf(server, request));
        }
      });
      const { dialect } = await query(asked.port);
      assert.equal(dialect, "draft-14");
      assert.deepEqual(offers(asked), [[...DEFAULT_OFFER], [0x8000000c]]);
    },
    "Google's protocol to the oldest": async () => {
      await using running = await serve(
        await makeServer({ versions: [GOOGLE_VERSION] }),
        { hostname: "127.0.0.1", port: 0 },
      );
      const { dialect, version } = await query(running.address.port);
      assert.equal(dialect, "google");
      assert.equal(version, GOOGLE_VERSION);
      assert.equal(running.counters.udp.received, 3);
    },
    "what hardly anybody speaks in the end": async () => {
      await using running = await serve(
        await makeServer({ versions: [0x80000009] }),
        { hostname: "127.0.0.1", port: 0 },
      );
      const { version } = await query(running.address.port, {
        transport: "udp",
      });
      assert.equal(version, 0x80000009);
      assert.equal(running.counters.udp.received, 4);
    },
    "the usual versions after the wanted ones": async () => {
      await using asked = await scripted(async (request, say) => {
        if (offerOf(request).length > 1) {
          await say(await replyOf(server, request));
        }
      });
      const { version } = await query(asked.port, { versions: [0x80000009] });
      assert.equal(version, 0x8000000c);
      assert.deepEqual(offers(asked), [[0x80000009], [...DEFAULT_OFFER]]);
    },
    "nothing else where that is forbidden, but the same again": async () => {
      let count = 0;
      await using asked = await scripted(async (request, say) => {
        if (++count === 2) await say(await replyOf(server, request));
      });
      const { exchange } = await query(asked.port, {
        versions: [0x8000000b],
        fallback: false,
      });
      assert.deepEqual(asked.requests, [exchange.request, exchange.request]);
    },
    "as often as the server spoils its replies": async () => {
      // chance: spoil; leave a tag out; which one. Then no more.
      const chances = [0, 0, 0];
      const greasing = await makeServer({
        greaseProbability: 0.5,
        random: () => chances.shift() ?? 0.99,
      });
      await using running = await serve(greasing, {
        hostname: "127.0.0.1",
        port: 0,
      });
      const result = await query(running.address.port);
      assert.equal(result.dialect, "draft-14");
      assert.equal(running.counters.udp.received, 2);
    },
    "and takes a late answer to the first request": async () => {
      let late: Uint8Array | undefined;
      await using asked = await scripted(async (request, say) => {
        if (late === undefined) late = await replyOf(server, request);
        else await say(late);
      });
      const result = await query(asked.port);
      assert.deepEqual(result.exchange.request, asked.requests[0]);
      assert.equal(asked.requests.length, 2);
    },
  };
  const runs = Object.values(cases).map((run) => run());
  const outcomes = await Promise.allSettled(runs);
  for (const [i, name] of Object.keys(cases).entries()) {
    await t.step(name, async () => {
      assert.equal(outcomes[i]?.status, "fulfilled", Deno.inspect(outcomes[i]));
      await runs[i];
    });
  }
});

/** What an attacker may send who sees the request but has not the key. */
async function hostile(
  request: Uint8Array,
  good: Uint8Array,
): Promise<Record<string, Uint8Array>> {
  const server = await makeServer();
  const nonce = nonceOf(request);
  const earlier = overwrite(request, nonce, bytes(nonce.length, 5));
  const packets: Record<string, Uint8Array> = {
    "nothing": new Uint8Array(0),
    "noise": bytes(400, 1),
    "zeros": new Uint8Array(1024),
    "the request": request,
    "another frame": isFramed(good) ? messageOf(good) : frame(good),
    "a reply and more": concat(good, bytes(4, 2)),
    "a reply to something else": await replyOf(server, earlier),
  };
  for (const length of [1, 8, 12, 16, 64, 200, good.length - 4]) {
    packets[`the first ${length} bytes`] = good.slice(0, length);
  }
  // Every value is found somewhere among these bits.
  for (let bit = 0; bit < 8 * good.length; bit += 61) {
    packets[`a reply with bit ${bit} turned`] = flip(good, bit);
  }
  return packets;
}

for (const versions of [undefined, [GOOGLE_VERSION], [0x80000008], [1]]) {
  const what = versions ? `version ${versions}` : "the usual offer";
  Deno.test(`sendRequest() ignores forged datagrams until the good one comes (${what})`, async () => {
    const server = await makeServer();
    const stranger = await makeServer({
      privateKey: OTHER_SEED,
      versions: [GOOGLE_VERSION, 0x80000008],
    });
    // The right key and another time, but not from where was asked.
    class Late extends Server {
      override getTime(): bigint {
        return super.getTime() + 600_000_000n;
      }
    }
    const late = await Late.create({ privateKey: SEED, greaseProbability: 0 });
    const elsewhere = await openUdp({
      hostname: "127.0.0.1",
      port: 0,
      maxBatch: 1,
    });
    let good = new Uint8Array(0);
    try {
      await using asked = await scripted(async (request, say, client) => {
        const port = Number(client.split(":").at(-1));
        const peer = elsewhere.peer("127.0.0.1", port);
        const foreign = await replyOf(late, request);
        assert.equal(await elsewhere.send([{ bytes: foreign, peer }]), 1);
        good = Uint8Array.from(await replyOf(server, request));
        for (const packet of Object.values(await hostile(request, good))) {
          await say(packet);
        }
        const [other] = await stranger.handleBatch([request]);
        if (other && "reply" in other) await say(other.reply);
        await say(good);
      });
      const result = await query(asked.port, {
        versions,
        fallback: versions === undefined,
      });
      // A bit that nothing depends on may be turned without harm.
      const verdict = await verifyResponse({
        request: asked.requests[0] as Uint8Array,
        response: good,
        publicKey: PUBLIC_KEY,
      });
      assert(verdict.ok);
      assert.equal(result.midpointMicros, verdict.midpointMicros);
      assert.equal(result.address, `127.0.0.1:${asked.port}`);
      assert.deepEqual(result.exchange.request, asked.requests[0]);
    } finally {
      elsewhere.close();
    }
  });
}

Deno.test("sendRequest() finds the good one in a flood", async () => {
  const server = await makeServer();
  await using asked = await scripted(async (request, say) => {
    for (let i = 0; i < 100; i++) await say(bytes(16 + i % 64, i));
    await say(await replyOf(server, request));
  });
  assert.equal((await query(asked.port)).dialect, "draft-14");
});

Deno.test("sendRequest() says which key it was not", async () => {
  // Servers that know SRV do not answer for another key.
  const cases = [[GOOGLE_VERSION], [0x80000001], [0x80000007], [0x80000008]];
  const server = await makeServer({ privateKey: OTHER_SEED });
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  await Promise.all(cases.map(async (versions) => {
    const error = await rejection(query(running.address.port, {
      versions,
      fallback: false,
      timeout: 1000,
    }));
    assert.equal(error.name, "VerificationError");
    assert.deepEqual(error.rejection, { code: "certificate-signature" });
    assert.match(error.message, /another key/);
    assert.equal(error.exchange.publicKey, PUBLIC_KEY);
    // The exchange is evidence: under the right key it is fine.
    const { publicKey } = OTHER_LONG_TERM;
    const verdict = await verifyResponse({ ...error.exchange, publicKey });
    assert(verdict.ok);
  }));
});

Deno.test("sendRequest() gets no answer under another key from servers that know SRV", async () => {
  const server = await makeServer({ privateKey: OTHER_SEED });
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  const error = await failure(query(running.address.port, {
    versions: [1, 0x8000000b, 0x8000000c],
    fallback: false,
    timeout: 100,
  }));
  assertTimeout(error);
  await running.shutdown();
  assert.equal(running.counters.udp.dropped.srv, 1);
});

Deno.test("sendRequest() tells of the reply that came closest when none is good", async () => {
  const server = await makeServer();
  const stranger = await makeServer({ privateKey: OTHER_SEED });
  const versions = [0x80000008];
  const script = (names: readonly string[]) =>
    scripted(async (request, say) => {
      const good = await replyOf(server, request);
      const replies: Record<string, Uint8Array> = {
        "malformed": bytes(300, 1),
        "cut": good.slice(0, -4),
        "certificate": await replyOf(stranger, request),
        "signature": overwrite(good, valueOf(good, TAG.SIG), bytes(64, 7)),
      };
      for (const name of names) await say(replies[name] as Uint8Array);
    });
  const cases: [string[], string][] = [
    [["malformed"], "malformed"],
    [["malformed", "certificate", "malformed"], "certificate-signature"],
    [["certificate", "signature", "cut"], "response-signature"],
    [["signature", "certificate"], "response-signature"],
  ];
  await Promise.all(cases.map(async ([names, code]) => {
    await using asked = await script(names);
    const error = await rejection(
      query(asked.port, { versions, fallback: false, timeout: 1000 }),
    );
    assert.equal(error.rejection.code, code);
    assert.deepEqual(error.exchange.request, asked.requests[0]);
    const verdict = await verifyResponse(error.exchange);
    assert.deepEqual(verdict, { ok: false, rejection: error.rejection });
  }));
});

Deno.test("sendRequest() gives up with a TimeoutError where nothing comes", async () => {
  await using silent = await scripted(SILENT);
  await using mute = await listenTcp(() => Promise.resolve(undefined));
  const ports = { udp: silent.port, auto: silent.port, tcp: mute.port };
  await Promise.all(
    (["udp", "auto", "tcp"] as const).map(async (transport) => {
      const error = await failure(
        query(ports[transport], { transport, timeout: 100 }),
      );
      assertTimeout(error);
      assert.match(
        (error as DOMException).message,
        new RegExp(`127\\.0\\.0\\.1 port ${ports[transport]} within 0\\.1 s`),
      );
    }),
  );
});

Deno.test("sendRequest() hears what comes from the right address alone", async () => {
  const server = await makeServer();
  const elsewhere = await openUdp({
    hostname: "127.0.0.1",
    port: 0,
    maxBatch: 1,
  });
  try {
    await using asked = await scripted(async (request, _, client) => {
      const peer = elsewhere.peer("127.0.0.1", Number(client.split(":")[1]));
      const reply = await replyOf(server, request);
      await elsewhere.send([{ bytes: reply, peer }]);
    });
    // Not even a rejection: it might as well be somebody else's answer.
    assertTimeout(await failure(query(asked.port, { timeout: 150 })));
    assert.equal(asked.requests.length, 1);
  } finally {
    elsewhere.close();
  }
});

Deno.test("sendRequest() says that there is no such host", async () => {
  const cause = Object.assign(new Error("ENOTFOUND"), { code: "ENOTFOUND" });
  for (const transport of ["auto", "udp", "tcp"] as const) {
    await assert.rejects(
      query(2002, {
        transport,
        host: "nowhere.example",
        lookup: () => Promise.reject(cause),
      }),
      { name: "NetworkError", code: "name", cause },
    );
  }
});

Deno.test("sendRequest() says denied without permission to use the network", {
  permissions: "none",
}, async () => {
  for (const transport of ["auto", "udp", "tcp"] as const) {
    for (const host of ["127.0.0.1", "localhost"]) {
      await assert.rejects(query(2002, { transport, host }), {
        name: "NetworkError",
        code: "denied",
      });
    }
  }
});

Deno.test("sendRequest() says at once that TCP is refused", async () => {
  await assert.rejects(
    query(await deadPort(), { transport: "tcp", timeout: 1_000_000 }),
    { name: "NetworkError", code: "unreachable" },
  );
});

Deno.test("sendRequest() throws the reason of its signal untouched", async () => {
  await using silent = await scripted(SILENT);
  const reasons = [new Error("mine"), new DOMException("x", "AbortError"), 7];
  for (const reason of reasons) {
    const signal = AbortSignal.abort(reason);
    assert.equal(await failure(query(silent.port, { signal })), reason);
  }
  assert.equal(silent.requests.length, 0);

  for (const reason of reasons) {
    const controller = new AbortController();
    await using asked = await scripted(() => controller.abort(reason));
    const { signal } = controller;
    assert.equal(await failure(query(asked.port, { signal })), reason);
    assert.equal(asked.requests.length, 1);
  }
});

Deno.test("sendRequest() keeps its own timeout apart from the signal's", async () => {
  await using silent = await scripted(SILENT);
  const signal = AbortSignal.timeout(30);
  const error = await failure(query(silent.port, { signal }));
  assert.equal(error, signal.reason);
  // A signal that never aborts is only looked at.
  const unused = new AbortController();
  assertTimeout(
    await failure(
      query(silent.port, { signal: unused.signal, timeout: 30 }),
    ),
  );
});

Deno.test("sendRequest() throws the reason of a signal that aborts over TCP", async () => {
  const reason = new Error("mine");
  const controller = new AbortController();
  await using server = await listenTcp(() => {
    controller.abort(reason);
    return Promise.resolve(undefined);
  });
  const { signal } = controller;
  const error = await failure(
    query(server.port, { transport: "tcp", signal }),
  );
  assert.equal(error, reason);
});

Deno.test("sendRequest() tries the next address where one is dead", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const { address } = await query(running.address.port, {
    host: "time.example",
    lookup: found("127.0.0.2", "127.0.0.1"),
  });
  assert.equal(address, `127.0.0.1:${running.address.port}`);
});

Deno.test("sendRequest() tries the next address where one refuses TCP", async () => {
  const server = await makeServer();
  await using listener = await listenTcp((packet) => replyOf(server, packet));
  const { address } = await query(listener.port, {
    host: "time.example",
    lookup: found("127.0.0.2", "127.0.0.1"),
    transport: "tcp",
  });
  assert.equal(address, `127.0.0.1:${listener.port}`);
});

Deno.test(
  withIpv6("sendRequest() tries the next address where one hangs up"),
  async () => {
    const server = await makeServer();
    await using good = await listenTcp((packet) => replyOf(server, packet));
    await using bad = await listenTcp(() => Promise.resolve(undefined), {
      hostname: "::1",
      port: good.port,
      greet: "end",
    });
    const { address } = await query(good.port, {
      host: "time.example",
      lookup: found("::1", "127.0.0.1"),
      transport: "tcp",
      timeout: 2000,
    });
    assert.equal(address, `127.0.0.1:${good.port}`);
    assert.equal(bad.connections, 1);
  },
);

Deno.test(
  withIpv6("sendRequest() races IPv6 and IPv4"),
  async () => {
    const server = await makeServer();
    const answer = async (
      request: Uint8Array,
      say: (reply: Uint8Array) => Promise<void>,
    ) => await say(await replyOf(server, request));

    for (
      const [first, second] of [["::1", "127.0.0.1"], [
        "127.0.0.1",
        "::1",
      ]] as const
    ) {
      await using slow = await scripted(SILENT, first);
      const { port } = slow;
      await using fast = await scripted(answer, second, port);
      const options = {
        host: "time.example",
        lookup: found(first, second),
      };
      const result = await query(port, options);
      assert.equal(result.address, formatAddress(second, port));
      // The same question to both, well before the first repetition.
      assert.deepEqual(slow.requests, fast.requests);
      assert.equal(slow.requests.length, 1);
    }
  },
);

Deno.test(
  withIpv6("sendRequest() takes an IPv6 address however it is written"),
  async () => {
    await using running = await serve(await makeServer(), {
      hostname: "::1",
      port: 0,
    });
    for (const host of ["::1", "[::1]", "0:0:0:0:0:0:0:1", "[0::0001]"]) {
      const result = await query(running.address.port, { host, timeout: 3000 });
      assert.equal(result.dialect, "draft-14");
    }
  },
);

Deno.test("sendRequest() asks a name of the system", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port } = running.address;
  // It may mean [::1] too, where nobody answers.
  const { address } = await query(port, { host: "localhost" });
  assert.equal(address, `127.0.0.1:${port}`);
});

Deno.test("sendRequest() asks over TCP where UDP is silent", async () => {
  const server = await makeServer();
  await using listener = await listenTcp((packet) => replyOf(server, packet));
  const result = await query(listener.port, {
    transport: "auto",
    timeout: 2000,
  });
  assert.equal(result.transport, "tcp");
  assert.equal(result.address, `127.0.0.1:${listener.port}`);
  assert.equal(result.dialect, "draft-14");
  assert.deepEqual(listener.packets, [result.exchange.request]);
  assert((await verifyResponse(result.exchange)).ok);
});

Deno.test("sendRequest() asks over TCP in every framed version", async () => {
  const server = await makeServer();
  await using listener = await listenTcp((packet) => replyOf(server, packet));
  for (const dialect of ALL.filter(({ framed }) => framed)) {
    const result = await query(listener.port, {
      transport: "tcp",
      versions: [dialect.code],
      typed: dialect.type === "required",
      fallback: false,
    });
    assert.equal(result.dialect, dialect.id);
    assert.equal(result.transport, "tcp");
  }
});

Deno.test("sendRequest() finds the good one among packets over TCP", async () => {
  const server = await makeServer();
  await using listener = await listenTcp(async (packet) => {
    const good = await replyOf(server, packet);
    return concat(
      frame(new Uint8Array(0)),
      frame(bytes(300, 1)),
      frame(good.slice(12, -4)),
      packet,
      flip(good, 8 * 200),
      good,
      good,
    );
  });
  const result = await query(listener.port, { transport: "tcp" });
  assert.equal(result.dialect, "draft-14");
  assert((await verifyResponse(result.exchange)).ok);
});

Deno.test("sendRequest() takes a reply over TCP that comes in pieces", async () => {
  const server = await makeServer();
  await using listener = await listenTcp(async (packet, socket) => {
    const good = await replyOf(server, packet);
    socket.setNoDelay(true);
    socket.write(good.slice(0, 3));
    socket.write(good.slice(3, 100));
    return good.slice(100);
  });
  const { transport } = await query(listener.port, { transport: "tcp" });
  assert.equal(transport, "tcp");
});

Deno.test("sendRequest() leaves whoever talks nonsense over TCP", async () => {
  const server = await makeServer();
  const nonsense = new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n");
  const gone = Promise.withResolvers<void>();
  await using listener = await listenTcp(async (packet, socket) => {
    socket.once("close", () => gone.resolve());
    return concat(nonsense, await replyOf(server, packet));
  });
  const asking = failure(
    query(listener.port, { transport: "tcp", timeout: 300 }),
  );
  await gone.promise;
  assertTimeout(await asking);
});

Deno.test("sendRequest() says why packets over TCP are not believed", async () => {
  const stranger = await makeServer({ privateKey: OTHER_SEED });
  await using listener = await listenTcp((packet) => replyOf(stranger, packet));
  const error = await rejection(query(listener.port, {
    transport: "tcp",
    timeout: 700,
    versions: [0x80000008],
    fallback: false,
  }));
  assert.equal(error.rejection.code, "certificate-signature");
});

Deno.test("sendRequest() uses the nonce it is given", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const nonce = bytes(32, 42);
  const { exchange } = await query(running.address.port, { nonce });
  assert.deepEqual(nonceOf(exchange.request), nonce);

  // Only Google's protocol, of those tried by default, has 64 bytes.
  const long = bytes(64, 43);
  const google = await query(running.address.port, { nonce: long });
  assert.equal(google.version, GOOGLE_VERSION);
  assert.deepEqual(nonceOf(google.exchange.request), long);
  assert.equal(running.counters.udp.received, 2);

  const draft = await query(running.address.port, {
    nonce: long,
    versions: [0x80000003],
  });
  assert.equal(draft.dialect, "draft-03");
});

Deno.test("sendRequest() makes another nonce each time", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const nonces = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { exchange } = await query(running.address.port);
    nonces.add(String(nonceOf(exchange.request)));
  }
  assert.equal(nonces.size, 20);
});

Deno.test("sendRequest() refuses what it cannot ask, before it asks", async () => {
  const open = () => assert.fail("opened a socket");
  const lookup = () => assert.fail("looked up a name");
  const refuse = async (
    options: Partial<SendRequestOptions>,
    expected: { name: string; code?: string },
  ) =>
    await assert.rejects(
      query(2002, { host: "name", open, lookup, ...options }),
      expected,
      Deno.inspect(options),
    );
  const offer = { name: "WireError", code: "offer" };
  await refuse({ versions: [] }, offer);
  await refuse({ versions: [0x77777777] }, offer);
  await refuse({ versions: [1, 1] }, offer);
  await refuse({ versions: [1, GOOGLE_VERSION] }, offer);
  await refuse({ versions: [0x80000001, 0x80000008] }, offer);
  const nine = [5, 6, 7, 8, 9, 10, 11, 12].map((n) => 0x80000000 + n);
  await refuse({ versions: [1, ...nine] }, offer);

  const nonce = { name: "WireError", code: "nonce" };
  for (const length of [0, 16, 31, 33, 63, 65]) {
    await refuse({ nonce: bytes(length, 1) }, nonce);
  }
  await refuse(
    { nonce: bytes(64, 1), versions: [1], fallback: false },
    nonce,
  );

  const size = { name: "WireError", code: "size" };
  for (const wrong of [0, 64, 1023, 1025, NaN]) {
    await refuse({ size: wrong }, size);
  }

  const key = { name: "WireError", code: "key" };
  for (const publicKey of ["", "key", bytes(31, 1), bytes(33, 1)]) {
    await refuse({ publicKey }, key);
  }

  const range = { name: "RangeError" };
  for (const port of [0, -1, 65536, 1.5, NaN]) await refuse({ port }, range);
  for (const timeout of [0, -1, NaN]) await refuse({ timeout }, range);
});

Deno.test("sendRequest() offers eight versions at once", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const eight = [1, ...[7, 8, 9, 10, 11, 12, 13].map((n) => 0x80000000 + n)];
  const { exchange } = await query(running.address.port, {
    versions: eight.toReversed(),
  });
  assert.deepEqual(offerOf(exchange.request), eight);
});

Deno.test("sendRequest() derives bounds that hold if the server is honest", async () => {
  await using running = await serve(
    await makeServer({ radiusSeconds: 5, trustClock: true }),
    { hostname: "127.0.0.1", port: 0 },
  );
  for (const { code } of ALL) {
    const before = performance.now();
    const result = await query(running.address.port, { versions: [code] });
    const { midpointMicros, radiusMicros, rttMicros, bounds } = result;
    assert.equal(radiusMicros, 5_000_000n);
    assert(rttMicros >= 0n);
    assert.equal(bounds.earliestMicros, midpointMicros - radiusMicros);
    assert.equal(
      bounds.latestMicros,
      midpointMicros + radiusMicros + rttMicros,
    );
    assert(before <= result.receivedAt);
    assert(result.receivedAt <= performance.now());
    // The round trip lies between the two and is rounded up.
    const whole = Math.ceil((result.receivedAt - before) * 1000);
    assert(rttMicros <= BigInt(whole));

    assert.equal(
      result.midpoint.getTime(),
      Number(midpointMicros / 1000n),
    );
    assert.equal(
      result.signedResponse.midpoint,
      Number(midpointMicros) / 1e6,
    );
    assert.equal(result.signedResponse.radius, 5);
    assert.equal(result.verdict.midpointMicros, midpointMicros);
    assert.deepEqual(result.verdict.delegation, result.delegation);
    const { notBeforeMicros, notAfterMicros } = result.delegation;
    assert(notBeforeMicros <= midpointMicros);
    assert(midpointMicros <= notAfterMicros);
  }
});

Deno.test(
  "sendRequest() counts from the first request that a reply may answer",
  async () => {
    // Both offers carry the one nonce, and in draft 08 nothing else of them is signed: the
    // reply to the first one comes after the second has gone out and answers both.
    const server = await makeServer();
    let late: Uint8Array | undefined;
    const seenAt: number[] = [];
    await using asked = await scripted(async (request, say) => {
      seenAt.push(performance.now());
      if (late === undefined) late = await replyOf(server, request);
      else await say(late);
    });
    const { rttMicros, bounds, verdict } = await query(asked.port, {
      versions: [0x80000008],
      nonce: bytes(32, 1),
    });
    const [first = 0, second = 0] = seenAt;
    assert.equal(verdict.dialect, "draft-08");
    assert(Number(rttMicros) / 1000 >= second - first);
    assert.equal(
      bounds.latestMicros,
      verdict.midpointMicros + verdict.radiusMicros + rttMicros,
    );
  },
);

Deno.test("sendRequest() gives back evidence that verifies again", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const result = await query(running.address.port);
  assert.deepEqual(await verifyResponse(result.exchange), result.verdict);
  const { publicKey } = OTHER_LONG_TERM;
  const verdict = await verifyResponse({ ...result.exchange, publicKey });
  assert(!verdict.ok);
});

Deno.test("sendRequest() gives times that no Date can hold as they are", async () => {
  const far = 9_000_000_000_000_000_000n;
  class Far extends Server {
    override getTime(): bigint {
      return far;
    }
  }
  const server = await Far.create({ privateKey: SEED });
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  const result = await query(running.address.port, {
    versions: [GOOGLE_VERSION],
  });
  assert.equal(result.midpointMicros, far);
  assert(Number.isNaN(result.midpoint.getTime()));
});

Deno.test("sendRequest() takes keys as bytes and as text", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const base64 = formatKey(PUBLIC_KEY);
  const spellings = [
    PUBLIC_KEY,
    base64,
    base64.replace(/=$/, ""),
    base64.replaceAll("+", "-").replaceAll("/", "_"),
    [...PUBLIC_KEY].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
  ];
  for (const publicKey of spellings) {
    const { exchange } = await query(running.address.port, { publicKey });
    assert.deepEqual(exchange.publicKey, PUBLIC_KEY);
  }
});

Deno.test("sendRequest() asks as it is told: untyped, larger, once", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port } = running.address;
  const untyped = await query(port, { versions: [0x8000000c], typed: false });
  assert.equal(untyped.dialect, "draft-12");
  const large = await query(port, { size: 1400 });
  assert.equal(large.exchange.request.length, 1400);
  const once = await query(port, { retries: 1 });
  assert.equal(once.transport, "udp");
});

Deno.test("sendRequest() works over node:dgram all the same", async () => {
  const open = openNodeUdp;
  const server = await makeServer();
  await using running = await serve(server, {
    hostname: "127.0.0.1",
    port: 0,
    open,
  });
  for (const dialect of ALL) {
    const result = await query(running.address.port, {
      open,
      versions: [dialect.code],
      typed: dialect.type === "required",
      fallback: false,
    });
    assert.equal(result.dialect, dialect.id);
  }
  await running.shutdown();
  assert.equal(running.counters.udp.answered, ALL.length);

  await using silent = await scripted(SILENT);
  assertTimeout(await failure(query(silent.port, { open, timeout: 50 })));
});

Deno.test("sendRequest() can be under way many times at once", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const results = await Promise.all(
    Array.from({ length: 40 }, () => query(running.address.port)),
  );
  const requests = results.map(({ exchange }) => String(exchange.request));
  assert.equal(new Set(requests).size, 40);
});

Deno.test("sendRequest() waits as long as it is told", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  for (const timeout of [2 ** 31, Number.MAX_SAFE_INTEGER, Infinity]) {
    const { dialect } = await query(running.address.port, { timeout });
    assert.equal(dialect, "draft-14");
  }
});

const doNotVerify = veryDangerouslySendRequestAndDoNotVerify;

Deno.test("veryDangerouslySendRequestAndDoNotVerify() needs no key", async () => {
  const server = await makeServer();
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  const { port } = running.address;
  for (const dialect of ALL) {
    const result = await doNotVerify({
      host: "127.0.0.1",
      port,
      versions: [dialect.code],
      typed: dialect.type === "required",
      fallback: false,
    });
    const { unverified, request, response } = result;
    assert.equal(unverified.dialect.id, dialect.id);
    assert.equal(unverified.version, dialect.code);
    assert.equal(result.transport, "udp");
    assert.equal(result.address, `127.0.0.1:${port}`);
    assert(result.rttMicros >= 0n);
    // What it gives can still be verified.
    const verdict = await verifyResponse({
      request,
      response,
      publicKey: PUBLIC_KEY,
    });
    assert(verdict.ok);
    assert.equal(verdict.midpointMicros, unverified.midpointMicros);
  }
});

Deno.test("veryDangerouslySendRequestAndDoNotVerify() believes what sendRequest() does not", async () => {
  const stranger = await makeServer({ privateKey: OTHER_SEED });
  await using running = await serve(stranger, {
    hostname: "127.0.0.1",
    port: 0,
  });
  const options = {
    host: "127.0.0.1",
    port: running.address.port,
    publicKey: PUBLIC_KEY,
    versions: [0x80000008],
    timeout: 5000,
  };
  const { request, response, unverified } = await doNotVerify(options);
  assert.equal(unverified.version, 0x80000008);
  const exchange = { request, response, publicKey: PUBLIC_KEY };
  assert(!(await verifyResponse(exchange)).ok);
});

Deno.test("veryDangerouslySendRequestAndDoNotVerify() wants a reply that can be read", async () => {
  const server = await makeServer();
  await using late = await scripted(async (request, say) => {
    await say(bytes(300, 1));
    await say(request);
    await say(await replyOf(server, request));
  });
  const host = "127.0.0.1";
  const { unverified } = await doNotVerify({ host, port: late.port });
  assert.equal(unverified.dialect.id, "draft-14");

  await using garbled = await scripted((_, say) => say(bytes(300, 1)));
  const error = await rejection(
    doNotVerify({ host, port: garbled.port, timeout: 500 }),
  );
  assert.equal(error.rejection.code, "malformed");
  assert.deepEqual(error.exchange.response, bytes(300, 1));

  await using silent = await scripted(SILENT);
  assertTimeout(
    await failure(doNotVerify({ host, port: silent.port, timeout: 50 })),
  );
  await assert.rejects(
    doNotVerify({ host, port: silent.port, publicKey: "no key" }),
    { name: "WireError", code: "key" },
  );
});
