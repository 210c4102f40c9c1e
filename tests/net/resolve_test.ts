import assert from "node:assert/strict";
import { NetworkError } from "../../lib/wire/errors.ts";
import {
  type Address,
  isPermissionError,
  type Lookup,
  resolve,
  systemLookup,
} from "../../lib/net/resolve.ts";

const none = { permissions: "none" } as const;

function v4(...numbers: number[]): Address[] {
  return numbers.map((n) => ({ hostname: `192.0.2.${n}`, family: 4 }));
}

function v6(...numbers: number[]): Address[] {
  return numbers.map((n) => ({ hostname: `2001:db8::${n}`, family: 6 }));
}

/** A lookup that always gives the same, and remembers what it was asked. */
function answering(found: readonly Address[]): Lookup & { asked: string[] } {
  const asked: string[] = [];
  const lookup = (host: string) => {
    asked.push(host);
    return Promise.resolve(found);
  };
  return Object.assign(lookup, { asked });
}

const forbidden: Lookup = (host) => {
  throw new Error(`${host} was looked up`);
};

async function failure(
  host: string,
  lookup?: Lookup,
): Promise<NetworkError> {
  const error = await resolve(host, lookup).then(
    (addresses) => assert.fail(`found ${JSON.stringify(addresses)}`),
    (error) => error,
  );
  assert(error instanceof NetworkError, String(error));
  assert.equal(error.name, "NetworkError");
  assert(error.message.includes(`"${host}"`), error.message);
  return error;
}

Deno.test(
  "resolve() gives literal addresses back without asking anybody",
  none,
  async () => {
    const literals: Record<string, Address> = {
      "127.0.0.1": { hostname: "127.0.0.1", family: 4 },
      "192.0.2.255": { hostname: "192.0.2.255", family: 4 },
      "::1": { hostname: "::1", family: 6 },
      "[::1]": { hostname: "::1", family: 6 },
      "2001:db8::7": { hostname: "2001:db8::7", family: 6 },
      "[2001:db8::7]": { hostname: "2001:db8::7", family: 6 },
    };
    for (const [host, address] of Object.entries(literals)) {
      assert.deepEqual(await resolve(host, forbidden), [address], host);
    }
  },
);

Deno.test(
  "resolve() gives an address in one spelling, whoever wrote it",
  none,
  async () => {
    const spellings: Record<string, Address> = {
      "2001:DB8:0:0::7": { hostname: "2001:db8::7", family: 6 },
      "::ffff:127.0.0.1": { hostname: "127.0.0.1", family: 4 },
      "[::FFFF:7f00:1]": { hostname: "127.0.0.1", family: 4 },
      "FE80::1%eth0": { hostname: "fe80::1%eth0", family: 6 },
      "fe80:0::1%07": { hostname: "fe80::1%7", family: 6 },
    };
    for (const [text, address] of Object.entries(spellings)) {
      assert.deepEqual(await resolve(text, forbidden), [address], text);
      const hostname = text.replace(/[[\]]/g, "");
      const lookup = answering([{ hostname, family: 6 }, address]);
      assert.deepEqual(await resolve("time.example", lookup), [address], text);
    }
  },
);

Deno.test(
  "resolve() asks for names in lower case and A-labels",
  none,
  async () => {
    for (
      const [host, asked] of [
        ["Time.Example", "time.example"],
        ["bücher.example", "xn--bcher-kva.example"],
      ] as const
    ) {
      const lookup = answering(v4(1));
      await resolve(host, lookup);
      assert.deepEqual(lookup.asked, [asked]);
    }
  },
);

Deno.test("resolve() looks up what is not quite an address", none, async () => {
  const hosts = ["time.example", "127.0.0.1.example", "256.0.0.1", "::g", ""];
  for (const host of hosts) {
    const lookup = answering(v4(1));
    assert.deepEqual(await resolve(host, lookup), v4(1));
    assert.deepEqual(lookup.asked, [host]);
  }
});

Deno.test(
  "resolve() gives all addresses of a name in the order found",
  none,
  async () => {
    assert.deepEqual(await resolve("a", answering(v4(3, 1, 2))), v4(3, 1, 2));
    assert.deepEqual(await resolve("a", answering(v6(2, 1))), v6(2, 1));
  },
);

Deno.test(
  "resolve() lets the families alternate, the preferred one first",
  none,
  async () => {
    const [a1, a2, a3] = v4(1, 2, 3) as [Address, Address, Address];
    const [b1, b2, b3] = v6(1, 2, 3) as [Address, Address, Address];
    const cases: [Address[], Address[]][] = [
      [[b1, b2, a1, a2], [b1, a1, b2, a2]],
      [[a1, a2, b1, b2], [a1, b1, a2, b2]],
      [[b1, b2, b3, a1], [b1, a1, b2, b3]],
      [[b1, a1, a2, a3], [b1, a1, a2, a3]],
      [[a1, b1, b2, a2, b3, a3], [a1, b1, a2, b2, a3, b3]],
      [[b1, a1], [b1, a1]],
    ];
    for (const [found, expected] of cases) {
      assert.deepEqual(await resolve("a", answering(found)), expected);
    }
  },
);

Deno.test(
  "resolve() gives at most 8 addresses, of both families",
  none,
  async () => {
    const many = [...v6(1, 2, 3, 4, 5, 6, 7, 8, 9), ...v4(1, 2, 3, 4, 5, 6)];
    const given = await resolve("a", answering(many));
    assert.equal(given.length, 8);
    const of = (family: 4 | 6) =>
      given.filter((each) => each.family === family);
    assert.deepEqual(of(6), v6(1, 2, 3, 4));
    assert.deepEqual(of(4), v4(1, 2, 3, 4));

    const hundreds = v4(...Array.from({ length: 250 }, (_, i) => i + 1));
    assert.deepEqual(
      await resolve("a", answering(hundreds)),
      hundreds.slice(0, 8),
    );
  },
);

Deno.test(
  "resolve() calls a name that is not there by its code",
  none,
  async () => {
    const cause = Object.assign(new Error("getaddrinfo ENOTFOUND nowhere"), {
      code: "ENOTFOUND",
    });
    const error = await failure("nowhere", () => Promise.reject(cause));
    assert.equal(error.code, "name");
    assert.equal(error.cause, cause);
  },
);

Deno.test(
  "resolve() takes a lookup that throws like one that rejects",
  none,
  async () => {
    const error = await failure("nowhere", () => {
      throw new TypeError("not a name");
    });
    assert.equal(error.code, "name");
  },
);

Deno.test(
  "resolve() takes a name without addresses for no name",
  none,
  async () => {
    assert.equal((await failure("empty", answering([]))).code, "name");
  },
);

Deno.test(
  "resolve() tells a refusal of the runtime from a missing name",
  none,
  async () => {
    const refusals = [
      new Deno.errors.NotCapable("Requires net access"),
      new Deno.errors.PermissionDenied("no"),
      Object.assign(new Error("no"), { code: "EACCES" }),
      Object.assign(new Error("no"), { code: "EPERM" }),
    ];
    for (const cause of refusals) {
      assert(isPermissionError(cause));
      const error = await failure("secret", () => Promise.reject(cause));
      assert.equal(error.code, "denied");
      assert.equal(error.cause, cause);
    }
  },
);

Deno.test(
  "resolve() says denied where the runtime does not let it ask",
  none,
  async () => {
    assert.equal((await failure("localhost")).code, "denied");
  },
);

Deno.test(
  "isPermissionError() knows other failures for what they are",
  none,
  () => {
    const others: unknown[] = [
      new Error("Requires net access"),
      Object.assign(new Error("no"), { code: "ENOTFOUND" }),
      Object.assign(new Error("no"), { code: "ECONNREFUSED" }),
      { name: "NotCapable" },
      "EACCES",
      null,
      undefined,
    ];
    for (const other of others) {
      assert(
        !isPermissionError(other),
        String(other),
      );
    }
  },
);

Deno.test("systemLookup() finds the addresses of localhost", async () => {
  const found = await systemLookup("localhost");
  assert(found.length > 0);
  for (const { hostname, family } of found) {
    assert.equal(hostname, family === 4 ? "127.0.0.1" : "::1");
  }
  // And is what resolve() asks by itself.
  const sorted = (addresses: readonly Address[]) =>
    addresses.map(({ hostname }) => hostname).sort();
  assert.deepEqual(sorted(await resolve("localhost")), sorted(found));
});
