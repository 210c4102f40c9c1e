import assert from "node:assert/strict";
import { formatAddress } from "../../lib/net/datagram.ts";
import type { Address, Lookup } from "../../lib/net/resolve.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { serve } from "../../lib/server/serve.ts";
import {
  assertTimeout,
  failure,
  listenTcp,
  makeServer,
  query,
  replyOf,
  scripted,
  SILENT,
} from "../_support/send_request.ts";

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

/** A TCP port where nobody listens. */
async function deadPort(): Promise<number> {
  await using listener = await listenTcp(() => Promise.resolve(undefined));
  return listener.port;
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
