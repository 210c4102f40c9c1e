import { VERIFIERS } from "../lib/crypto/ed25519.ts";
import { verifyResponse } from "../lib/verify/response.ts";
import { EXCHANGE } from "./_exchange.ts";

const group = "verifyResponse, draft 14-19, one request";

for (
  const [name, equation] of [
    ["native", VERIFIERS.default],
    ["noble", VERIFIERS.noble],
  ] as const
) {
  // A verifier that gives up early would look fast.
  const verdict = await verifyResponse(EXCHANGE, { equation });
  if (!verdict.ok) throw new Error(`Cannot measure: ${name} rejects the reply`);

  Deno.bench({
    name,
    group,
    baseline: name === "native",
    permissions: "none",
    fn: async () => {
      await verifyResponse(EXCHANGE, { equation });
    },
  });
}
