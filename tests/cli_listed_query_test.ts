import assert from "node:assert/strict";
import { UsageError } from "../lib/cli/exit_code.ts";
import { endpointsOf, tryEach } from "../lib/cli/listed_query.ts";
import { NetworkError, VerificationError } from "../lib/errors.ts";

function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

const UDP = { transport: "udp", host: "a.example", port: 2002 } as const;
const TCP = { ...UDP, transport: "tcp" } as const;
const V6 = { transport: "udp", host: "::1", port: 2002 } as const;
const server = { name: "one", addresses: [UDP, V6, TCP, UDP] };

test("endpointsOf() names each endpoint once, with what it takes", () => {
  assert.deepEqual(endpointsOf(server, "auto"), [
    { host: "a.example", port: 2002, transport: "auto" },
    V6,
  ]);
  assert.deepEqual(endpointsOf(server, "udp"), [UDP, V6]);
  assert.deepEqual(endpointsOf(server, "tcp"), [TCP]);
  assert.throws(
    () => endpointsOf({ ...server, addresses: [UDP] }, "tcp"),
    (error) =>
      error instanceof UsageError && /no TCP address/.test(error.message),
  );
});

test("tryEach() stops at the first success and shares the time", async () => {
  const given: number[] = [];
  const answer = await tryEach([UDP, V6, TCP], 9000, ({ host }, timeoutMs) => {
    given.push(timeoutMs);
    return host === "::1"
      ? Promise.resolve(host)
      : Promise.reject(new Error("no"));
  });
  assert.equal(answer, "::1");
  assert.equal(given.length, 2);
  assert(given.every((timeoutMs) => timeoutMs > 0 && timeoutMs <= 4500));
});

test("tryEach() throws the failure that says most", async () => {
  const bytes = new Uint8Array();
  const exchange = { request: bytes, response: bytes, publicKey: bytes };
  const network = new NetworkError("unreachable", "no way");
  const timeout = new DOMException("late", "TimeoutError");
  const rejected = new VerificationError(
    { code: "response-signature" },
    exchange,
  );
  const cases = [
    [[network, timeout, rejected], rejected],
    [[rejected, timeout, network], rejected],
    [[timeout, network], timeout],
    [[network], network],
  ] as const;
  for (const [errors, expected] of cases) {
    const queue: Error[] = [...errors];
    const [first = UDP, ...others] = errors.map(() => UDP);
    await assert.rejects(
      tryEach([first, ...others], 1000, () => Promise.reject(queue.shift())),
      (error) => error === expected,
    );
  }
});
