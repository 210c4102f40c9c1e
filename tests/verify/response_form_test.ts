import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import { frame, FRAME_BYTES } from "../../lib/wire/frame.ts";
import type { Entry } from "../../lib/wire/message.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  type Change,
  drop,
  edit,
  entriesOf,
  forge,
  judge,
  messageOf,
  put,
} from "../_support/fixtures.ts";
import { batchOfFive, rejects, verified } from "../_support/verdict.ts";

const none = { permissions: "none" } as const;

// ---------------------------------------------------------------------------
// One change at a time.
// ---------------------------------------------------------------------------

for (const dialect of ALL) {
  const { id } = dialect;
  Deno.test(
    `verifyResponse() tolerates unknown tags everywhere in ${id} (section 7)`,
    none,
    async () => {
      const change: Change = (e) => [
        ...e,
        [0x00000041, bytes(8, 1)],
        [0x5a5a5a59, bytes(4, 2)],
        [0xffffffff, new Uint8Array(0)],
      ];
      for (const where of ["top", "srep", "cert", "dele"] as const) {
        const exchange = await forge({ dialect: id, [where]: change });
        verified(await verifyResponse(exchange));
      }
      verified(
        await verifyResponse(
          await forge({
            dialect: id,
            top: change,
            srep: change,
            cert: change,
            dele: change,
          }),
        ),
      );
      // Inside signed values they are signed: taken out, the signature is gone.
      const exchange = await forge({ dialect: id, srep: change });
      const plain = await forge({ dialect: id });
      const srep = entriesOf(messageOf(plain.response))
        .find(([t]) => t === TAG.SREP)?.[1] as Uint8Array;
      const response = edit(exchange.response, (e) => put(e, TAG.SREP, srep));
      await rejects({ ...exchange, response }, "response-signature");
    },
  );

  Deno.test(
    `verifyResponse() rejects a missing tag of ${id} with tag-missing`,
    none,
    async () => {
      const tops = ["SIG", "PATH", "SREP", "CERT", "INDX"] as const;
      const top: (keyof typeof TAG)[] = [...tops];
      const srep: (keyof typeof TAG)[] = ["RADI", "MIDP", "ROOT"];
      if (dialect.versionEcho === "top") top.push("VER");
      if (dialect.versionEcho === "srep") srep.push("VER", "VERS");
      if (dialect.nonceEcho === "required") top.push("NONC");
      if (dialect.nonceEcho === "srep") srep.push("NONC");
      // Without TYPE, version 1 is nothing; 0x8000000c is drafts 12-13.
      if (id === "rfc-10049") top.push("TYPE");
      const places = {
        top,
        srep,
        cert: ["SIG", "DELE"],
        dele: ["PUBK", "MINT", "MAXT"],
      } as const;
      for (const [place, names] of Object.entries(places)) {
        for (const name of names as (keyof typeof TAG)[]) {
          const exchange = await forge({
            dialect: id,
            [place]: (e: Entry[]) => drop(e, TAG[name]),
          });
          const verdict = await verifyResponse(exchange);
          assert(!verdict.ok, `${place} ${name}`);
          assert.equal(
            verdict.rejection.code,
            "tag-missing",
            `${place} ${name}`,
          );
          assert(
            verdict.rejection.code === "tag-missing" &&
              verdict.rejection.tag === TAG[name],
          );
        }
      }
    },
  );

  Deno.test(
    `verifyResponse() rejects a value of the wrong length in ${id} with length-wrong`,
    none,
    async () => {
      const places: Record<string, (keyof typeof TAG)[]> = {
        top: ["SIG", "PATH", "INDX"],
        srep: ["RADI", "MIDP", "ROOT"],
        cert: ["SIG"],
        dele: ["PUBK", "MINT", "MAXT"],
      };
      if (dialect.versionEcho === "top") places.top?.push("VER");
      if (dialect.versionEcho === "srep") places.srep?.push("VER");
      if (dialect.nonceEcho === "srep") places.srep?.push("NONC");
      else places.top?.push("NONC");
      if (dialect.type === "required") places.top?.push("TYPE");
      for (const [place, names] of Object.entries(places)) {
        for (const name of names) {
          for (const length of [4, 0, 8, 12, 36, 60, 68, 128]) {
            const exchange = await forge({
              dialect: id,
              [place]: (e: Entry[]) => {
                const old = e.find(([tag]) => tag === TAG[name]);
                const right = name === "PATH"
                  ? length % hashSize(dialect) === 0
                  : old?.[1].length === length;
                return right ? put(e, TAG[name], bytes(140, 1)) : put(
                  e,
                  TAG[name],
                  bytes(length, 1),
                );
              },
            });
            assert.equal(
              await judge(exchange),
              "length-wrong",
              `${place} ${name} ${length}`,
            );
          }
        }
      }
    },
  );

  Deno.test(
    `verifyResponse() rejects a reply of ${id} cut short anywhere`,
    none,
    async () => {
      const { request, response, publicKey } = await batchOfFive(dialect);
      for (let length = 0; length < response.length; length++) {
        const cut = response.slice(0, length);
        const verdict = await verifyResponse({
          request,
          response: cut,
          publicKey,
        });
        assert(!verdict.ok, `${length} bytes`);
        if (dialect.framed) {
          assert.equal(verdict.rejection.code, "malformed");
          if (length < FRAME_BYTES) continue;
          const mended = frame(cut.subarray(FRAME_BYTES));
          const again = { request, response: mended, publicKey };
          assert.notEqual(await judge(again), "ok", `${length} bytes, mended`);
        }
      }
      for (const extra of [1, 4, 32]) {
        const long = concat(response, new Uint8Array(extra));
        assert.notEqual(
          await judge({ request, response: long, publicKey }),
          "ok",
        );
        const mended = concat(messageOf(response), new Uint8Array(extra));
        assert.notEqual(
          await judge({
            request,
            response: dialect.framed ? frame(mended) : mended,
            publicKey,
          }),
          "ok",
        );
      }
    },
  );

  Deno.test(
    `verifyResponse() wants the frame of ${id} as in the request (section 5)`,
    none,
    async () => {
      const exchange = await forge({ dialect: id });
      const response = dialect.framed
        ? messageOf(exchange.response)
        : frame(exchange.response);
      const verdict = await verifyResponse({ ...exchange, response });
      assert(!verdict.ok && verdict.rejection.code === "malformed");
      assert.equal(verdict.rejection.document, "response");
      assert.equal(verdict.rejection.fault.code, "frame-magic");
    },
  );

  Deno.test(
    `verifyResponse() rejects TYPE other than 1 in a reply of ${id} (section 5.2.3)`,
    none,
    async () => {
      for (const type of [0, 2, 0x01000000, 0xffffffff]) {
        await rejects(
          await forge({
            dialect: id,
            top: (e) => put(e, TAG.TYPE, encodeUint32s([type])),
          }),
          "type-wrong",
        );
      }
    },
  );
}

function hashSize(dialect: Dialect): number {
  return dialect.hash === "sha512" ? 64 : 32;
}
