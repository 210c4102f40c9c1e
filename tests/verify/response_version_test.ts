import assert from "node:assert/strict";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  DEFAULT_OFFER,
  type Dialect,
  dialectFor,
  DIALECTS,
  GOOGLE_VERSION,
} from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  CONTEXT,
  drop,
  edit,
  forge,
  judge,
  PUBLIC_KEY,
  put,
  requestFor,
} from "../_support/fixtures.ts";
import { rejects, verified } from "../_support/verdict.ts";

const none = { permissions: "none" } as const;

// ---------------------------------------------------------------------------
// One change at a time.
// ---------------------------------------------------------------------------

for (const dialect of ALL) {
  const { id } = dialect;
  Deno.test(
    `verifyResponse() knows which spellings ${id} may be signed with (section 5.2.1)`,
    none,
    async () => {
      const delegations = {
        dashed: CONTEXT.dashedDelegation,
        plain: CONTEXT.plainDelegation,
        rfc: CONTEXT.rfcDelegation,
      };
      const allowed: Record<Dialect["context"], string[]> = {
        dashed: ["dashed"],
        plain: ["plain"],
        rfc: ["rfc", "plain"],
      };
      for (const [spelling, delegationContext] of Object.entries(delegations)) {
        const exchange = await forge({ dialect: id, delegationContext });
        const verdict = await verifyResponse(exchange);
        if (allowed[dialect.context].includes(spelling)) {
          assert.equal(verified(verdict).spelling.delegation, spelling);
        } else {
          assert(!verdict.ok);
          assert.equal(verdict.rejection.code, "certificate-signature");
        }
      }
      const rfc = await judge(
        await forge({ dialect: id, responseContext: CONTEXT.rfcResponse }),
      );
      assert.equal(
        rfc,
        dialect.context === "rfc" ? "ok" : "response-signature",
      );
      const draft = await judge(
        await forge({ dialect: id, responseContext: CONTEXT.draftResponse }),
      );
      assert.equal(draft, "ok");
    },
  );
}

Deno.test(
  "verifyResponse() finds each spelling of version 1's signatures on its own",
  none,
  async () => {
    const spellings = ["rfc", "plain"] as const;
    for (const delegation of spellings) {
      for (const response of spellings) {
        const verdict = verified(
          await verifyResponse(
            await forge({
              dialect: "rfc-10049",
              delegationContext: delegation === "rfc"
                ? CONTEXT.rfcDelegation
                : CONTEXT.plainDelegation,
              responseContext: response === "rfc"
                ? CONTEXT.rfcResponse
                : CONTEXT.draftResponse,
            }),
          ),
        );
        assert.deepEqual(verdict.spelling, { delegation, response });
      }
    }
    await rejects(
      await forge({
        dialect: "rfc-10049",
        delegationContext: CONTEXT.dashedDelegation,
      }),
      "certificate-signature",
    );
  },
);

Deno.test(
  "verifyResponse() rejects a VERS list that breaks the rules with versions-list (section 5.2.5)",
  none,
  async () => {
    for (const id of ["draft-12", "draft-14", "rfc-10049"] as const) {
      const { code } = DIALECTS[id];
      const many = Array.from({ length: 32 }, (_, i) => code + i);
      const lists: [string, number[]][] = [
        ["empty", []],
        ["too-many", [...many, code + 32]],
        ["not-ascending", [code, code]],
        ["not-ascending", [0xffffffff, code]],
        ["not-ascending", [code, 0]],
        ["lacks-chosen", [0]],
        ["lacks-chosen", [code + 1, 0xffffffff]],
      ];
      for (const [fault, versions] of lists) {
        const verdict = await verifyResponse(
          await forge({ dialect: id, versions }),
        );
        assert(!verdict.ok && verdict.rejection.code === "versions-list");
        assert.equal(verdict.rejection.fault, fault);
        assert.equal(verdict.rejection.document, "SREP");
      }
      // 32 are allowed, and so are numbers nobody knows: some servers list 0.
      for (const versions of [many, [0, code], [code, 0xffffffff]]) {
        const sorted = verified(
          await verifyResponse(await forge({ dialect: id, versions })),
        );
        assert.deepEqual(sorted.versions, versions);
      }
      const odd = await forge({
        dialect: id,
        srep: (e) => put(e, TAG.VERS, bytes(0, 0)),
      });
      await rejects(odd, "versions-list");
    }
  },
);

Deno.test(
  "verifyResponse() rejects a reply of 05-13 that was not offered under typed 0x8000000c",
  none,
  async () => {
    const request = requestFor("draft-14");
    for (
      const id of [
        "draft-05",
        "draft-06",
        "draft-07",
        "draft-08",
        "draft-09",
        "draft-10",
        "draft-11",
      ] as const
    ) {
      await rejects(
        await forge({ dialect: id, request }),
        "version-not-offered",
      );
    }
    // Drafts 12-13 have the same number: a server that knows no TYPE answers like this.
    const old = await forge({ dialect: "draft-12", request });
    assert.equal(verified(await verifyResponse(old)).dialect, "draft-12");
  },
);

Deno.test(
  "verifyResponse() reads a typed reply to an untyped request as 14-19",
  none,
  async () => {
    const request = requestFor("draft-12");
    const exchange = await forge({ dialect: "draft-14", request });
    assert.equal(verified(await verifyResponse(exchange)).dialect, "draft-14");
  },
);

Deno.test(
  "verifyResponse() accepts an alias of 0x8000000c that was offered",
  none,
  async () => {
    for (const typed of [true, false]) {
      for (const alias of [0x8000000d, 0x8000000e, 0x80000013]) {
        const dialect = typed ? "draft-14" : "draft-12";
        const nonce = bytes(32, 1);
        const request = buildRequest({ versions: [alias], nonce, typed });
        const verdict = verified(
          await verifyResponse(
            await forge({ dialect, version: alias, request }),
          ),
        );
        assert.equal(verdict.version, alias);
        assert.equal(verdict.dialect, dialect);
        // Not offered, it is refused like any number.
        const other = buildRequest({ versions: [0x8000000c], nonce, typed });
        await rejects(
          await forge({ dialect, version: alias, request: other }),
          "version-not-offered",
        );
        // And the number it stands for is not the one that was offered.
        await rejects(
          await forge({ dialect, request }),
          "version-not-offered",
        );
      }
    }
  },
);

Deno.test(
  "verifyResponse() rejects the modern layout for an old number with version-misplaced",
  none,
  async () => {
    for (let version = 0x80000001; version <= 0x8000000b; version++) {
      const nonce = bytes(32, 1);
      const old = version >= 0x80000005;
      const request = old
        ? buildRequest({ versions: [version], nonce })
        : requestFor("draft-14");
      const exchange = await forge({ dialect: "draft-14", version, request });
      const verdict = await verifyResponse(exchange);
      assert(!verdict.ok && verdict.rejection.code === "version-misplaced");
      assert.equal(verdict.rejection.version, version);
    }
  },
);

Deno.test(
  "verifyResponse() believes the signed version whatever somebody put on top",
  none,
  async () => {
    for (const dialect of ["rfc-10049", "draft-14", "draft-12"] as const) {
      const { code, type } = DIALECTS[dialect];
      const request = buildRequest({
        versions: [code, 0x80000008, 0x8000000b].sort((a, b) => a - b),
        nonce: bytes(32, 1),
        typed: type === "required",
      });
      for (const top of [0x80000001, 0x80000008, 0x8000000b, 1, 7]) {
        const exchange = await forge({
          dialect,
          request,
          top: (e) => put(e, TAG.VER, encodeUint32s([top])),
        });
        const verdict = await verifyResponse(exchange);
        assert(verdict.ok, `${dialect}, ${top}`);
        assert.deepEqual([verdict.dialect, verdict.version], [dialect, code]);
      }
    }
  },
);

Deno.test(
  "verifyResponse() rejects the old layout for a modern number with version-misplaced",
  none,
  async () => {
    for (const version of [1, 0x8000000c, 0x8000000e]) {
      const request = buildRequest({
        versions: [version],
        nonce: bytes(32, 1),
      });
      await rejects(
        await forge({ dialect: "draft-11", version, request }),
        "version-misplaced",
      );
    }

    // Google's number is for lists; no reply says it, wherever.
    for (const dialect of ["draft-11", "draft-14", "rfc-10049"] as const) {
      await rejects(
        await forge({ dialect, version: GOOGLE_VERSION }),
        "version-misplaced",
      );
    }
  },
);

Deno.test(
  "verifyResponse() rejects unknown numbers with version-unknown",
  none,
  async () => {
    for (
      const version of [
        0,
        2,
        7,
        0x7fffffff,
        0x80000000,
        0x80000014,
        0xffffffff,
      ]
    ) {
      for (const dialect of ["draft-08", "draft-12", "draft-14"] as const) {
        const verdict = await verifyResponse(await forge({ dialect, version }));
        assert(!verdict.ok && verdict.rejection.code === "version-unknown");
        assert.equal(verdict.rejection.version, version);
      }
    }
  },
);

Deno.test(
  "verifyResponse() heeds the top VER where SREP has one as well",
  none,
  async () => {
    // Servers of 10 and 11 are seen with TYPE, VER and VERS as later drafts have them.
    for (const id of ["draft-10", "draft-11"] as const) {
      const { code } = DIALECTS[id];
      const exchange = await forge({
        dialect: id,
        top: (e) => put(e, TAG.TYPE, encodeUint32s([1])),
        srep: (e) =>
          put(
            put(e, TAG.VER, encodeUint32s([code])),
            TAG.VERS,
            encodeUint32s([code]),
          ),
      });
      assert.equal(verified(await verifyResponse(exchange)).dialect, id);
    }
    // A top VER that says a modern number does not speak against SREP's.
    for (const id of ["draft-14", "rfc-10049"] as const) {
      const exchange = await forge({
        dialect: id,
        top: (e) => put(e, TAG.VER, encodeUint32s([DIALECTS[id].code])),
      });
      assert.equal(verified(await verifyResponse(exchange)).dialect, id);
    }
  },
);

Deno.test(
  "verifyResponse() reads no other time under the default offer when the unsigned VER is changed",
  none,
  async () => {
    const request = buildRequest({
      versions: DEFAULT_OFFER,
      nonce: bytes(32, 1),
      publicKey: PUBLIC_KEY,
    });
    for (const version of DEFAULT_OFFER) {
      const dialect = dialectFor(version, { typed: true }) as Dialect;
      const exchange = await forge({ dialect: dialect.id, request });
      const honest = verified(await verifyResponse(exchange));
      assert.equal(honest.version, version);
      for (const other of DEFAULT_OFFER) {
        const response = edit(
          exchange.response,
          (e) => put(e, TAG.VER, encodeUint32s([other])),
        );
        const verdict = await verifyResponse({ ...exchange, response });
        if (!verdict.ok) continue;
        // 08 and 11 differ in nothing that is signed.
        assert.equal(verdict.midpointMicros, honest.midpointMicros);
        assert.equal(verdict.radiusMicros, honest.radiusMicros);
      }
    }
  },
);

Deno.test(
  "verifyResponse() rejects version 1 without TYPE with tag-missing (section 5.2.3)",
  none,
  async () => {
    const verdict = await verifyResponse(
      await forge({ dialect: "rfc-10049", top: (e) => drop(e, TAG.TYPE) }),
    );
    assert(!verdict.ok && verdict.rejection.code === "tag-missing");
    assert.equal(verdict.rejection.tag, TAG.TYPE);
  },
);
