import assert from "node:assert/strict";
import { enlargeReceiveBuffer } from "../../../lib/net/linux/receive_buffer.ts";
import { MISSING, withLibc } from "../../_support/libc.ts";

function open(): { port: number } & Disposable {
  const socket = Deno.listenDatagram({
    hostname: "127.0.0.1",
    port: 0,
    transport: "udp",
  });
  return {
    port: (socket.addr as Deno.NetAddr).port,
    [Symbol.dispose]: () => socket.close(),
  };
}

Deno.test("without permission no buffer is set", {
  permissions: "none",
}, () => {
  assert.equal(enlargeReceiveBuffer(2002, 1 << 20), undefined);
});

Deno.test({
  name: "on other systems than Linux no buffer is set",
  ignore: Deno.build.os === "linux",
  fn: () => assert.equal(enlargeReceiveBuffer(2002, 1 << 20), undefined),
});

withLibc("enlargeReceiveBuffer() tells the size that the kernel gave", () => {
  using socket = open();
  const small = enlargeReceiveBuffer(socket.port, 64 << 10);
  assert.equal(small, 64 << 10);
  const large = enlargeReceiveBuffer(socket.port, 128 << 10);
  assert(large !== undefined && large > small && large <= 128 << 10);
  // Who asks for everything gets the system's limit, or all of it as administrator.
  const huge = enlargeReceiveBuffer(socket.port, 1 << 29);
  assert(huge !== undefined && huge >= large && huge <= 1 << 29);
});

withLibc("enlargeReceiveBuffer() leaves sockets on other ports alone", () => {
  using one = open();
  using other = open();
  assert.notEqual(one.port, other.port);
  assert.equal(enlargeReceiveBuffer(one.port, 64 << 10), 64 << 10);
  assert.equal(enlargeReceiveBuffer(other.port, 32 << 10), 32 << 10);
});

withLibc("enlargeReceiveBuffer() finds no socket where there is none", () => {
  let port: number;
  {
    using socket = open();
    port = socket.port;
  }
  assert.equal(enlargeReceiveBuffer(port, 64 << 10), undefined);
  // A port of TCP is another one.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assert.equal(enlargeReceiveBuffer(listener.addr.port, 64 << 10), undefined);
  listener.close();
});

/** Such sockets need all of --allow-net; then notify_test.ts runs this file again. */
const NO_FILES = MISSING ??
  ((await Deno.permissions.query({ name: "net" })).state === "granted"
    ? undefined
    : "no --allow-net for everything");

Deno.test({
  name: "enlargeReceiveBuffer() takes no socket for one because of its name" +
    (NO_FILES === undefined ? "" : ` (skipped: ${NO_FILES})`),
  ignore: NO_FILES !== undefined,
  permissions: { ffi: true, net: true, read: true, write: true },
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/socket`;
    const socket = Deno.listenDatagram({ transport: "unixpacket", path });
    // Where an address on the internet has its port, this one has its path.
    const port = path.charCodeAt(0) << 8 | path.charCodeAt(1);
    assert.equal(enlargeReceiveBuffer(port, 64 << 10), undefined);
    socket.close();
    await Deno.remove(folder, { recursive: true });
  },
});
