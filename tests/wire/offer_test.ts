/** Whom the offers reach, by the rules by which servers choose. */

import assert from "node:assert/strict";
import {
  DEFAULT_OFFER,
  formatVersion,
  GOOGLE_VERSION,
  OFFERS,
} from "../../lib/wire/dialect.ts";
import {
  PEER_SERVERS,
  type PeerServer,
  pick,
} from "../_support/peer_servers.ts";

const none = { permissions: "none" } as const;

/** Which offer is answered, from 1, and in which version. */
function answered(server: PeerServer): { nth: number; version: number } {
  for (const [i, offer] of OFFERS.entries()) {
    const isGoogle = offer.includes(GOOGLE_VERSION);
    const version = isGoogle
      ? server.google && GOOGLE_VERSION
      : pick(server, offer);
    if (version !== undefined) return { nth: i + 1, version };
  }
  return assert.fail(`${server.name} is never reached`);
}

Deno.test(
  "every server that takes a list answers the first offer",
  none,
  () => {
    for (const server of PEER_SERVERS) {
      const { nth } = answered(server);
      const takesLists = server.google !== "only" &&
        server.longest === undefined;
      assert.equal(nth === 1, takesLists, server.name);
    }
  },
);

Deno.test(
  "whoever reads any number that is known answers 0x8000000c or 1",
  none,
  () => {
    // An old number would be answered in the layout of 0x8000000c, and refused.
    const [server] = PEER_SERVERS.filter(({ name }) =>
      name === "roughenough 2.0.0"
    );
    assert(server);
    for (const offer of [DEFAULT_OFFER, [0x8000000c]]) {
      assert([1, 0x8000000c].includes(pick(server, offer) as number));
    }
  },
);

Deno.test(
  "nobody who speaks a single version with a nonce of 32 bytes is out of reach",
  none,
  () => {
    const offered = new Set(OFFERS.flat());
    for (const code of [1, 7, 8, 9, 10, 11, 12]) {
      assert(offered.has(code === 1 ? 1 : 0x80000000 + code));
    }
    // One request cannot have nonces of two lengths, and Google's packet has no VER.
    assert(
      OFFERS.every((offer) =>
        offer.length === 1 || !offer.includes(GOOGLE_VERSION)
      ),
    );
  },
);

Deno.test("docs/interoperability.md shows the answers of every server", () => {
  const page = Deno.readTextFileSync(
    new URL("../../docs/interoperability.md", import.meta.url),
  );
  const rows = page.split(/\r?\n/).filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  for (const server of PEER_SERVERS) {
    const { nth, version } = answered(server);
    const row = rows.find(([name]) => name === server.name);
    assert(row, server.name);
    assert.deepEqual(row.slice(3), [
      server.google === "only"
        ? "none"
        : server.reads > 8
        ? "all"
        : server.longest === 1
        ? "a list of one"
        : `the first ${server.reads}`,
      version === GOOGLE_VERSION ? "Google's" : `\`${formatVersion(version)}\``,
      String(nth),
    ]);
  }
});
