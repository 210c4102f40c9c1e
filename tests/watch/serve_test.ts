import assert from "node:assert/strict";
import { serveWeb } from "../../lib/watch/serve.ts";

Deno.test("serveWeb() answers, knows who asks, and says when a port is taken", async () => {
  const server = serveWeb("127.0.0.1", 0, (_, client) => new Response(client));
  const { hostname, port } = server.address;
  const response = await fetch(`http://${hostname}:${port}/`);
  assert.equal(await response.text(), "127.0.0.1");
  assert.throws(() => serveWeb(hostname, port, () => new Response()), {
    name: "ServerError",
    code: "bind",
    message: new RegExp(`^Cannot listen on ${hostname}:${port}: `),
  });
  await server.close();
});

Deno.test("a fault while answering is an answer too", async () => {
  const server = serveWeb("127.0.0.1", 0, () => {
    throw new Error("broken");
  });
  const response = await fetch(`http://127.0.0.1:${server.address.port}/`);
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "");
  await server.close();
});

Deno.test("the end: what was said arrives, and who never ends is cut off", async () => {
  const streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  const server = serveWeb(
    "127.0.0.1",
    0,
    () =>
      new Response(
        new ReadableStream({ start: (stream) => void streams.push(stream) }),
      ),
  );
  const url = `http://127.0.0.1:${server.address.port}/`;
  const [ends, hangs] = [await fetch(url), await fetch(url)];
  streams[0]?.enqueue(new TextEncoder().encode("last words"));
  streams[0]?.close();
  const closing = server.close();
  assert.equal(await ends.text(), "last words");
  await closing;
  await assert.rejects(hangs.text());
});
