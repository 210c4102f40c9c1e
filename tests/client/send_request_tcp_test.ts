import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { frame } from "../../lib/wire/frame.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { ALL, bytes, flip } from "../_support/fixtures.ts";
import {
  assertTimeout,
  failure,
  listenTcp,
  makeServer,
  OTHER_SEED,
  query,
  rejection,
  replyOf,
} from "../_support/send_request.ts";

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
