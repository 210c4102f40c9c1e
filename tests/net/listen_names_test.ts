import assert from "node:assert/strict";
import { addressesToListenOn } from "../../lib/net/listen_names.ts";
import type { Address, Lookup } from "../../lib/net/resolve.ts";
import { ServerError } from "../../lib/wire/errors.ts";

const none = { permissions: "none" } as const;

/** The addresses; the port stays as it is. */
async function addresses(
  hostname: string,
  ...others: [hasIpv6: () => Promise<boolean>, lookup: Lookup]
): Promise<string[]> {
  const found = await addressesToListenOn({ hostname, port: 7 }, ...others);
  assert(found.every(({ port }) => port === 7));
  return found.map(({ hostname }) => hostname);
}

const V4: Address = { hostname: "127.0.0.1", family: 4 };
const V6: Address = { hostname: "::1", family: 6 };

const finding = (...found: Address[]): Lookup => () => Promise.resolve(found);
const yes = () => Promise.resolve(true);
const no = () => Promise.resolve(false);

Deno.test(
  "addressesToListenOn() gives all addresses of a name",
  none,
  async () => {
    assert.deepEqual(
      await addresses("localhost", yes, finding(V6, V4)),
      ["::1", "127.0.0.1"],
    );
    // Twice in the hosts file, and once more in IPv6's clothes.
    const mapped: Address = { hostname: "::ffff:127.0.0.1", family: 6 };
    assert.deepEqual(
      await addresses("localhost", yes, finding(V4, V4, mapped)),
      ["127.0.0.1"],
    );
  },
);

Deno.test(
  "addressesToListenOn() leaves IPv6 out where there is none",
  none,
  async () => {
    assert.deepEqual(
      await addresses("localhost", no, finding(V6, V4)),
      ["127.0.0.1"],
    );
    // What can only mean IPv6 is for the system to refuse.
    assert.deepEqual(await addresses("v6", no, finding(V6)), ["::1"]);
  },
);

Deno.test(
  "addressesToListenOn() asks nobody about literal addresses",
  none,
  async () => {
    const never: Lookup = () => Promise.reject(new Error("asked"));
    const neverIpv6 = () => Promise.reject(new Error("asked"));
    for (
      const [text, address] of [
        ["0.0.0.0", "0.0.0.0"],
        ["::", "::"],
        ["[0::1]", "::1"],
        ["::ffff:127.0.0.1", "127.0.0.1"],
      ] as const
    ) {
      assert.deepEqual(await addresses(text, neverIpv6, never), [
        address,
      ]);
    }
  },
);

Deno.test(
  "addressesToListenOn() says which name is unknown, and what to do",
  none,
  async () => {
    for (
      const lookup of [finding(), () => Promise.reject(new Error("ENOTFOUND"))]
    ) {
      await assert.rejects(
        addresses("nosuch.invalid", yes, lookup),
        (error) => {
          assert(error instanceof ServerError);
          assert.equal(error.code, "bind");
          assert.equal(
            error.message,
            "Cannot listen on nosuch.invalid:7: there is no host of that name; give an address of this machine, such as 0.0.0.0",
          );
          return true;
        },
      );
    }
  },
);
