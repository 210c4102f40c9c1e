import assert from "node:assert/strict";
import { DIALECTS, GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { NetworkError, VerificationError } from "../../lib/wire/errors.ts";
import {
  type Attempt,
  reach,
  type ReachOptions,
  tellingAll,
} from "../../lib/ecosystem/reach.ts";

const none = { permissions: "none" } as const;
const UDP = { transport: "udp", host: "a.example", port: 2002 } as const;
const TCP = { ...UDP, transport: "tcp" } as const;
const V6 = { transport: "udp", host: "::1", port: 2002 } as const;

/** Everything that is tried while all fails. */
async function tried(
  addresses: readonly (typeof UDP | typeof TCP | typeof V6)[],
  options: Partial<ReachOptions> = {},
  offer?: readonly number[],
  version?: number,
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  await assert.rejects(reach(
    { name: "one", addresses, version, offer },
    { transport: "auto", timeoutMs: 9000, ...options },
    (attempt) => {
      attempts.push(attempt);
      return Promise.reject(new Error("no"));
    },
  ));
  return attempts;
}

Deno.test(
  "reach() names each endpoint once, and stops at the first success",
  none,
  async () => {
    const asked: string[] = [];
    const answer = await reach(
      {
        name: "one",
        addresses: [UDP, V6, TCP, UDP],
        version: undefined,
        offer: undefined,
      },
      { transport: "auto", timeoutMs: 9000 },
      ({ address: { host }, transport }) => {
        asked.push(`${transport} ${host}`);
        return host === "::1"
          ? Promise.resolve(host)
          : Promise.reject(new Error("no"));
      },
    );
    assert.equal(answer, "::1");
    assert.deepEqual(asked, ["auto a.example", "auto ::1"]);
  },
);

Deno.test(
  "reach() shares the time out, twice as much to what comes first",
  none,
  async () => {
    const attempts = await tried([UDP, V6], {}, [DIALECTS["draft-03"].code]);
    const shares = attempts.map(({ timeoutMs }) => Math.round(timeoutMs));
    assert.deepEqual(shares, [2250, 2250, 1125, 1125, 1125, 1125]);
  },
);

Deno.test(
  "reach() leaves what the list says enough time for a slow server",
  none,
  async () => {
    const attempts = await tried([UDP], {}, undefined, 1);
    const shares = attempts.map(({ timeoutMs }) => Math.round(timeoutMs));
    assert.deepEqual(shares, [8000, 1000]);
  },
);

Deno.test(
  "reach() does not look for other versions once the listed one was answered, however badly",
  none,
  async () => {
    const bytes = new Uint8Array();
    const exchange = { request: bytes, response: bytes, publicKey: bytes };
    const rejected = new VerificationError({ code: "merkle-root" }, exchange);
    for (const version of [1, undefined]) {
      const asked: string[] = [];
      await assert.rejects(
        reach(
          { name: "one", addresses: [UDP, V6], version, offer: undefined },
          { transport: "udp", timeoutMs: 1000 },
          ({ address, dialect }) => {
            asked.push(`${address.host} ${dialect.id}`);
            return Promise.reject(rejected);
          },
        ),
        (error) => error === rejected,
      );
      const listed = ["a.example rfc-10049", "::1 rfc-10049"];
      const others = ["a.example google", "::1 google"];
      assert.deepEqual(
        asked,
        version === undefined ? [...listed, ...others] : listed,
      );
    }
  },
);

Deno.test(
  "tellingAll() says how long all attempts had, and leaves other failures alone",
  none,
  async () => {
    const late = new DOMException("within 0.8 s", "TimeoutError");
    await assert.rejects(tellingAll(Promise.reject(late), UDP, 1500), {
      name: "TimeoutError",
      message: "No answer from a.example port 2002 within 1.5 s",
    });
    const other = new Error("other");
    await assert.rejects(
      tellingAll(Promise.reject(other), UDP, 1500),
      (error) => error === other,
    );
    assert.equal(await tellingAll(Promise.resolve(7), UDP, 1500), 7);
  },
);

Deno.test(
  "reach() offers what it is told to and nothing else",
  none,
  async () => {
    const versions = [1];
    const attempts = await tried([UDP], { versions }, [GOOGLE_VERSION]);
    assert.deepEqual(attempts.map((one) => one.versions), [versions]);
    assert.equal(attempts[0]?.dialect.id, "rfc-10049");
    assert.equal(attempts[0]?.nonceSize, 32);
    assert.equal(attempts[0]?.timeoutMs, 9000);
  },
);

Deno.test(
  "reach() says which transport the list has no address for",
  none,
  async () => {
    for (
      const [transport, addresses] of [["udp", [TCP]], ["auto", []]] as const
    ) {
      await assert.rejects(
        reach(
          { name: "one", addresses, version: undefined, offer: undefined },
          { transport, timeoutMs: 1 },
          () => assert.fail("asked"),
        ),
        (error) =>
          error instanceof NetworkError && error.code === "unreachable" &&
          /^Cannot ask one: .*UDP/.test(error.message),
      );
    }
  },
);

Deno.test("reach() throws the failure that says most", none, async () => {
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
    const addresses = errors.map((_, i) => ({ ...UDP, port: 1 + i }));
    await assert.rejects(
      reach(
        { name: "one", addresses, version: undefined, offer: undefined },
        { transport: "udp", timeoutMs: 1000, versions: [1] },
        () => Promise.reject(queue.shift()),
      ),
      (error) => error === expected,
    );
  }
});
