import assert from "node:assert/strict";
import type { Datagram, PacketSocket } from "../../lib/net/datagram.ts";
import { TCP_LIMITS, TcpServerSocket } from "../../lib/net/tcp_server.ts";
import { closed, Listener } from "../../lib/server/listener.ts";

/** A socket that gives nothing until it is closed. */
class Quiet implements PacketSocket {
  readonly transport = "udp";
  readonly address = { hostname: "::1", port: 2002 };
  readonly #end = Promise.withResolvers<readonly Datagram[]>();
  readonly calls: string[] = [];
  receive(): Promise<readonly Datagram[]> {
    return this.#end.promise;
  }
  send(): Promise<number> {
    return Promise.resolve(0);
  }
  stop(): void {
    this.calls.push("stop");
    this.#end.resolve([]);
  }
  close(): void {
    this.calls.push("close");
    this.#end.resolve([]);
  }
}

const none = { permissions: "none" } as const;

Deno.test(
  "a listener goes on with the socket that was opened anew",
  none,
  async () => {
    const [first, second] = [new Quiet(), new Quiet()];
    const listener = new Listener(first, () => Promise.resolve(second));
    assert.equal(await listener.next(), first);
    const next = first.receive().then(() => listener.next(first));
    await listener.reopen();
    assert.equal(await next, second);
    assert.deepEqual(first.calls, ["close"]);
    await listener.close();
    assert.equal(await listener.next(second), undefined);
    assert.deepEqual(second.calls, ["stop", "close"]);
  },
);

Deno.test("a socket that ends by itself ends its listener", none, async () => {
  const socket = new Quiet();
  const listener = new Listener(socket, () => Promise.resolve(new Quiet()));
  assert.equal(await listener.next(socket), undefined);
});

Deno.test(
  "whoever waits for a socket waits until there is one, or there will be none",
  none,
  async () => {
    const socket = new Quiet();
    let fail = true;
    const listener = new Listener(
      socket,
      () =>
        fail
          ? Promise.reject(new Error("AddrInUse"))
          : Promise.resolve(new Quiet()),
    );
    let isSettled = false;
    const next = listener.next(socket).finally(() => isSettled = true);
    assert.equal(await next, undefined);
    isSettled = false;
    await assert.rejects(listener.reopen(), /AddrInUse/);
    const later = listener.next(socket).finally(() => isSettled = true);
    await assert.rejects(listener.reopen(), /AddrInUse/);
    assert.equal(isSettled, false);
    fail = false;
    await listener.reopen();
    assert.notEqual(await later, socket);

    const stopped = new Listener(socket, () => Promise.reject(new Error("no")));
    await assert.rejects(stopped.reopen(), /no/);
    const end = stopped.next(socket);
    stopped.stop();
    assert.equal(await end, undefined);
  },
);

Deno.test(
  "a listener that stops while it is opened anew leaves nothing open",
  none,
  async () => {
    const fresh = new Quiet();
    const opening = Promise.withResolvers<PacketSocket>();
    const listener = new Listener(new Quiet(), () => opening.promise);
    const reopened = listener.reopen();
    listener.stop();
    opening.resolve(fresh);
    await reopened;
    assert.equal(await listener.next(), undefined);
    await listener.reopen(); // no more
  },
);

Deno.test("a connection is a sign of life, whatever becomes of it", async () => {
  const where = { hostname: "127.0.0.1", port: 0, maxBatch: 1 };
  const limits = { ...TCP_LIMITS, maxConnections: 1 };
  const socket = await TcpServerSocket.open(where, limits);
  const listener = new Listener(socket, undefined);
  assert.equal(listener.answered(), 0);
  for (let i = 1; i <= 3; i++) {
    const connection = await Deno.connect(socket.address);
    await connection.closeWrite();
    await connection.read(new Uint8Array(1)); // until the other end has closed
    connection.close();
    assert.equal(listener.answered(), i);
  }
  await listener.close();
});

Deno.test("closed() waits for a TCP port", async () => {
  const where = { hostname: "127.0.0.1", port: 0, maxBatch: 1 };
  const socket = await TcpServerSocket.open(where);
  socket.close();
  await closed(socket);
  await closed(new Quiet());
});
