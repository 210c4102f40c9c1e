import assert from "node:assert/strict";
import { writeUint32 } from "../../../lib/wire/uint.ts";
import { signedBytes } from "../../../lib/wire/certificate.ts";
import { HASH_BYTES } from "../../../lib/crypto/hash.ts";
import type { Dialect } from "../../../lib/wire/dialect.ts";
import { spellingOf } from "../../../lib/wire/certificate.ts";
import { ReplyTemplate } from "../../../lib/server/fast/reply_template.ts";
import {
  buildSrep,
  encodeResponse,
  responseEntries,
} from "../../../lib/wire/response.ts";
import {
  ALL,
  bytes,
  makeKeyring,
  MOMENT,
  SECOND,
} from "../../_support/fixtures.ts";

const none = { permissions: "none" } as const;

/** Where a signature answers one request there are no templates. */
const BATCHED = ALL.filter(({ batches }) => batches === "many");

async function optionsFor(dialect: Dialect) {
  const keyring = await makeKeyring();
  const [identity] = keyring.identities;
  assert(identity);
  return {
    dialect,
    version: dialect.code,
    versions: [dialect.code],
    spelling: spellingOf(dialect, "rfc"),
    certificate: keyring.certificateFor(identity, dialect),
    radiusMicros: MOMENT.radiusMicros,
  };
}

for (const dialect of BATCHED) {
  Deno.test(
    `a template of ${dialect.title} becomes the reply once it is filled in`,
    none,
    async () => {
      const options = await optionsFor(dialect);
      const hashBytes = HASH_BYTES[dialect.hash];
      for (let depth = 0; depth <= 9; depth++) {
        const template = new ReplyTemplate({ ...options, depth });
        // More than once, since it is kept for the batches that follow.
        for (let batch = 0; batch < 3; batch++) {
          const midpointMicros = MOMENT.midpointMicros +
            BigInt(batch) * 77n * SECOND;
          const root = bytes(hashBytes, 20 + batch);
          const nonce = bytes(dialect.nonceSize, 30 + batch);
          const path = bytes(depth * hashBytes, 40 + batch);
          const signature = bytes(64, 50 + batch);
          const index = 0x01020304 + batch;
          const srep = buildSrep({ ...options, midpointMicros, root, nonce });

          template.setStatement(midpointMicros, root);
          assert.deepEqual(
            template.signed,
            signedBytes(options.spelling, "response", srep),
          );
          template.setSignature(signature);
          const reply = template.reply.slice();
          if (template.nonceAt !== 0) reply.set(nonce, template.nonceAt);
          reply.set(path, template.pathAt);
          writeUint32(reply, template.indexAt, index);

          const own = { signature, nonce, path, index };
          assert.deepEqual(
            reply,
            encodeResponse(
              dialect,
              responseEntries({ ...options, srep, ...own }),
            ),
          );
          assert.deepEqual(
            encodeResponse(dialect, responseEntries(template.parts(own))),
            reply,
          );
        }
      }
    },
  );
}

Deno.test("a template fits only what it was made for", none, async () => {
  const options = await optionsFor(BATCHED.at(-1) as Dialect);
  const template = new ReplyTemplate({ ...options, depth: 3 });
  const { certificate } = options;
  const { radiusMicros } = MOMENT;
  const later = { ...MOMENT, midpointMicros: MOMENT.midpointMicros + SECOND };
  assert(template.fits(certificate, 3, MOMENT));
  assert(template.fits(certificate, 3, later));
  assert(!template.fits(certificate.slice(), 3, MOMENT));
  assert(!template.fits(certificate, 4, MOMENT));
  const wider = { ...MOMENT, radiusMicros: radiusMicros + 1n };
  assert(!template.fits(certificate, 3, wider));
});
