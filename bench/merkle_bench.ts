import { hashOf } from "../lib/crypto/hash.ts";
import { DIALECTS } from "../lib/wire/dialect.ts";
import { buildTree, leafHash } from "../lib/crypto/merkle.ts";
import { EXCHANGE } from "./_exchange.ts";

const hash = hashOf(DIALECTS["rfc-10049"].hash);
const { request } = EXCHANGE;

Deno.bench(
  `leafHash, a packet of ${request.length} bytes`,
  { permissions: "none" },
  () => {
    leafHash(hash, request);
  },
);

for (const count of [1, 16, 64, 256]) {
  const leaves = Array.from(
    { length: count },
    (_, i) => leafHash(hash, Uint8Array.of(i)),
  );
  Deno.bench({
    name: `buildTree, ${count} ${count === 1 ? "leaf" : "leaves"}`,
    group: "buildTree",
    permissions: "none",
    fn: () => {
      buildTree(hash, leaves);
    },
  });
}
