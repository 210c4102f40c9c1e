import assert from "node:assert/strict";
import net from "node:net";
import { askSelf, nearestAddress } from "../../lib/net/self_query.ts";
import { serve } from "../../lib/server/serve.ts";
import { requestFor } from "../_support/fixtures.ts";
import { LOOPBACK, makeServer } from "../_support/pool.ts";

const REQUEST = requestFor("rfc-10049");
const { signal } = new AbortController();
const PATIENT = { timeoutMs: 60_000, signal };
const BRIEF = { timeoutMs: 1, signal };

Deno.test("a wildcard is asked on loopback, of its own family", () => {
  assert.equal(nearestAddress("::"), "::1");
  assert.equal(nearestAddress("0.0.0.0"), "127.0.0.1");
  assert.equal(nearestAddress("192.0.2.1"), "192.0.2.1");
  assert.equal(nearestAddress("2001:db8::1"), "2001:db8::1");
});

Deno.test("askSelf() hears a server that answers", async () => {
  await using running = await serve(await makeServer(), LOOPBACK);
  const { address } = running;
  for (const transport of ["udp", "tcp"] as const) {
    const answer = await askSelf({ transport, address }, REQUEST, PATIENT);
    assert.equal(answer, "answered");
  }
});

Deno.test("askSelf() says that nothing came, or that nobody is there", async () => {
  const socket = Deno.listenDatagram({ ...LOOPBACK, transport: "udp" });
  const listener = Deno.listen(LOOPBACK); // nobody accepts
  const quiet = [
    { transport: "udp", address: socket.addr as Deno.NetAddr },
    { transport: "tcp", address: listener.addr as Deno.NetAddr },
  ] as const;
  for (const one of quiet) {
    assert.equal(await askSelf(one, REQUEST, BRIEF), "silent");
  }
  socket.close();
  listener.close();
  for (const one of quiet) {
    assert.equal(await askSelf(one, REQUEST, BRIEF), "silent");
  }
});

Deno.test("askSelf() takes a connection that is closed at once for a sign of life", async () => {
  const server = net.createServer((socket) => void socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const address = { hostname: "127.0.0.1", port };
  const answer = await askSelf({ transport: "tcp", address }, REQUEST, PATIENT);
  assert.equal(answer, "answered");
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("askSelf() that is ended has found out nothing", async () => {
  const socket = Deno.listenDatagram({ ...LOOPBACK, transport: "udp" });
  const listened = {
    transport: "udp",
    address: socket.addr as Deno.NetAddr,
  } as const;
  const end = new AbortController();
  const asking = askSelf(listened, REQUEST, { ...PATIENT, signal: end.signal });
  await socket.receive();
  end.abort();
  assert.equal(await asking, "unknown");
  assert.equal(
    await askSelf(listened, REQUEST, { ...PATIENT, signal: end.signal }),
    "unknown",
  );
  socket.close();
});

Deno.test("askSelf() neither asks for permission nor fails without", {
  permissions: "none",
}, async () => {
  for (const transport of ["udp", "tcp"] as const) {
    for (const hostname of ["127.0.0.1", "::", "fe80::1%eth0"]) {
      const listened = { transport, address: { hostname, port: 2002 } };
      assert.equal(await askSelf(listened, REQUEST, PATIENT), "unknown");
    }
  }
});
