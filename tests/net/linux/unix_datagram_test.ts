import assert from "node:assert/strict";
import {
  encodeUnixName,
  openUnixSender,
} from "../../../lib/net/linux/unix_datagram.ts";
import { listenAbstract } from "../../_support/abstract_socket.ts";
import { linux } from "../../_support/pool.ts";

Deno.test("names are written as the kernel reads them", {
  permissions: "none",
}, () => {
  assert.deepEqual(encodeUnixName("/a"), Uint8Array.of(1, 0, 0x2f, 0x61, 0));
  assert.deepEqual(encodeUnixName("@ab"), Uint8Array.of(1, 0, 0, 0x61, 0x62));
  assert.deepEqual(encodeUnixName("@\0"), Uint8Array.of(1, 0, 0, 0));
  assert.equal(encodeUnixName(`/${"x".repeat(106)}`)?.length, 110);
  for (const bad of ["", "@", "/a\0b", `/${"x".repeat(107)}`]) {
    assert.equal(encodeUnixName(bad), undefined);
  }
});

linux("an abstract socket gets what is sent to it", () => {
  const name = `@roughly-test-${crypto.randomUUID()}`;
  using manager = listenAbstract(name);
  const sender = openUnixSender(name);
  assert(typeof sender !== "string");
  for (const text of ["READY=1", "STATUS=é"]) {
    sender.send(new TextEncoder().encode(text));
    assert.equal(manager.next(), text);
  }
  sender.close();
});

linux("where nobody listens, the system says so", () => {
  for (const name of ["@roughly-nobody", "/nowhere/notify"]) {
    const sender = openUnixSender(name);
    assert(typeof sender !== "string");
    assert.throws(() => sender.send(Uint8Array.of(1)), /os error (2|111)/);
    sender.close();
  }
  assert.equal(openUnixSender("@"), "it is no name of a socket");
});

Deno.test("without FFI there is a reason in words", {
  permissions: "none",
}, () => {
  assert.equal(openUnixSender("@name"), "it needs --allow-ffi");
});
