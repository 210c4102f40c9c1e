import assert from "node:assert/strict";
import { parseKey } from "../../lib/wire/key_text.ts";
import { forward } from "../../lib/relay/forward.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { echo, type Target, target } from "../_support/cli.ts";
import { listed } from "../_support/many.ts";

function serverAt(
  { port, key }: Pick<Target, "port" | "key">,
  transport: "udp" | "tcp" = "udp",
) {
  return listed(0, {
    publicKey: parseKey(key),
    addresses: [{ transport, host: "127.0.0.1", port }],
  });
}

function packet(key: string, size = 1024): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  return buildRequest({ versions: [1], nonce, publicKey: parseKey(key), size });
}

for (const transport of ["udp", "tcp"] as const) {
  Deno.test(`forward() passes a packet on over ${transport}, and the reply back`, async () => {
    await using there = await target();
    const request = packet(there.key);
    const response = await forward(serverAt(there, transport), request, {
      timeout: 5000,
    });
    assert(response);
    const publicKey = parseKey(there.key);
    assert((await verifyResponse({ request, response, publicKey })).ok);
  });
}

Deno.test("forward() sends once, and gives what is not valid if there is nothing else", async () => {
  await using real = await target();
  let heard = 0;
  const wrong = await forward(serverAt(real), packet(real.key), {
    timeout: 5000,
  });
  assert(wrong);
  // Answers everybody with the answer to somebody else.
  await using there = echo(() => {
    heard++;
    return wrong;
  });
  const key = real.key;
  const answer = await forward(
    serverAt({ port: there.port, key }),
    packet(key),
    { timeout: 1000 },
  );
  assert.deepEqual(answer, wrong);
  assert.equal(heard, 1);
});

Deno.test("forward() gives nothing that is longer than the request, or no reply at all", async () => {
  for (const junk of [new Uint8Array(1028), new Uint8Array(40)]) {
    await using there = echo(() => junk);
    const answer = await forward(serverAt(there), packet(there.key), {
      timeout: 100,
    });
    assert.equal(answer, undefined);
  }
});
