/** Lists by HTTPS from servers whose certificates are of every age, on loopback. */

import assert from "node:assert/strict";
import { loadEcosystem } from "../../lib/ecosystem/load.ts";
import { type FailureReason, NetworkError } from "../../lib/wire/errors.ts";
import { execute, json } from "../_support/cli.ts";
import { httpsWorld } from "../_support/certificate.ts";

const LIST = '{"servers":[]}';

async function failure(
  url: string,
  authorityPem?: string,
): Promise<NetworkError> {
  const client = Deno.createHttpClient({
    caCerts: authorityPem === undefined ? [] : [authorityPem],
  });
  const fetch: typeof globalThis.fetch = (input, init) =>
    globalThis.fetch(input, { ...init, client });
  try {
    await loadEcosystem(url, { fetch });
  } catch (error) {
    assert(error instanceof NetworkError, String(error));
    return error;
  } finally {
    client.close();
  }
  return assert.fail("it loads");
}

/** Days from now. */
const AGES: readonly (readonly [from: number, to: number, FailureReason])[] = [
  [-9, -3, "certificate-expired"],
  [3, 9, "certificate-not-yet-valid"],
];

Deno.test("a list comes from a server with a good certificate", async () => {
  await using world = await httpsWorld(-1, 1, LIST);
  const client = Deno.createHttpClient({ caCerts: [world.authorityPem] });
  const { servers } = await loadEcosystem(world.url, {
    fetch: (input, init) => fetch(input, { ...init, client }),
  });
  assert.deepEqual(servers, []);
  client.close();
});

for (const [from, to, reason] of AGES) {
  Deno.test(`a list whose server's certificate is of the wrong age: ${reason}`, async () => {
    await using world = await httpsWorld(from, to, LIST);
    const error = await failure(world.url, world.authorityPem);
    assert.equal(error.code, "unreachable");
    assert.equal(error.reason, reason);
    assert.equal(error.step, "https");
    assert.equal(error.server, `${world.url}/`);
    assert(error.message.includes(world.url), error.message);
    assert.match(error.message, /certificate .*local clock/);
    assert.match(error.message, /file and the bundled one need no clock/);
    assert(error.cause instanceof Error);
  });
}

Deno.test("a list from a server that nobody vouches for, or that speaks no TLS", async () => {
  await using world = await httpsWorld(-1, 1, LIST);
  const stranger = await failure(world.url);
  assert.equal(stranger.reason, "certificate-untrusted");
  assert.doesNotMatch(stranger.message, /clock/);
  const plain = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(LIST),
  );
  const { port } = plain.addr;
  assert.equal((await failure(`https://127.0.0.1:${port}`)).reason, "no-tls");
  await plain.shutdown();
  const closed = await failure(`https://127.0.0.1:${port}`);
  assert.equal(closed.reason, "refused");
  assert.match(closed.message, /: connection refused$/);
});

Deno.test("the command names the certificate, the clock and the way out", async () => {
  await using world = await httpsWorld(3, 9, LIST);
  const args = ["ecosystem", "state", world.url, "--json"];
  const { code, out, err } = await execute(args);
  assert.equal(code, 3);
  assert.match(
    err[0] ?? "",
    /^roughly: error: cannot fetch server list from "https:.* certificate is not valid yet, or the local clock is behind/,
  );
  assert.match(err[1] ?? "", /^roughly: hint: .*bundled list or --list FILE/);
  const { error } = json(out[0]);
  assert.equal(error.reason, "certificate-not-yet-valid");
  assert.equal(error.step, "https");
  assert.equal(error.server, `${world.url}/`);
});
