import { createSigner } from "../lib/crypto/ed25519.ts";
import { Keyring } from "../lib/server/keyring.ts";
import { buildRequest } from "../lib/wire/request.ts";
import { Responder } from "../lib/server/responder.ts";

const moment = {
  midpointMicros: 1_800_000_000_000_000n,
  radiusMicros: 3_000_000n,
};
const keyring = await Keyring.create({
  longTerm: [createSigner(new Uint8Array(32).fill(1))],
  nowMicros: moment.midpointMicros,
  validityMicros: 86_400_000_000n,
  random: (bytes) => new Uint8Array(bytes).fill(2),
  v1Context: "rfc",
});
const responder = new Responder({ keyring });

for (const size of [1, 16, 64, 256]) {
  const packets = Array.from({ length: size }, (_, i) =>
    buildRequest({
      versions: [0x8000000c],
      nonce: new Uint8Array(32).fill(i),
    }));
  const outcomes = await responder.respond(packets, moment);
  if (!outcomes.every((outcome) => "reply" in outcome)) {
    throw new Error("Cannot measure: a request stays unanswered");
  }

  Deno.bench({
    name: `respond, batch of ${size}`,
    group: "respond",
    permissions: "none",
    fn: async () => {
      await responder.respond(packets, moment);
    },
  });
}
