import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeUint32s,
  encodeUint32s,
  encodeUint64,
  readUint32,
} from "../../lib/wire/uint.ts";
import {
  type Dialect,
  type DialectId,
  DIALECTS,
} from "../../lib/wire/dialect.ts";
import { frame, isFramed } from "../../lib/wire/frame.ts";
import type { Entry } from "../../lib/wire/message.ts";
import {
  buildSrep,
  encodeResponse,
  type ParsedResponse,
  parseResponse,
  responseEntries,
} from "../../lib/wire/response.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  ALL,
  bytes,
  drop,
  edit,
  entriesOf,
  exchangeFor,
  forge,
  messageOf,
  midpointIn,
  MOMENT,
  NOW_MICROS,
  put,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

function parsed(packet: Uint8Array, framed = isFramed(packet)): ParsedResponse {
  const result = parseResponse(packet, { framed });
  if (!result.ok) assert.fail(Deno.inspect(result));
  return result.response;
}

function hashSize({ id }: Dialect): number {
  return id === "google" ? 64 : 32;
}

const LEAST_RADI: Partial<Record<DialectId, number>> = {
  "draft-10": 3,
  "draft-11": 3,
  "draft-12": 1,
  "draft-14": 1,
  "rfc-10049": 1,
};

const MODERN: readonly DialectId[] = ["draft-12", "draft-14", "rfc-10049"];

/** Tags of a reply in wire order, from the documents (section 5.2 and its forerunners). */
function layoutOf({ id }: Dialect): { top: number[]; srep: number[] } {
  const { SIG, VER, NONC, TYPE, PATH, SREP, CERT, INDX } = TAG;
  const { RADI, MIDP, VERS, ROOT } = TAG;
  switch (id) {
    case "google":
      return {
        top: [SIG, NONC, PATH, SREP, CERT, INDX],
        srep: [RADI, MIDP, ROOT],
      };
    case "draft-01":
    case "draft-02":
      return {
        top: [SIG, VER, PATH, SREP, CERT, INDX],
        srep: [NONC, RADI, MIDP, ROOT],
      };
    case "draft-12":
      return {
        top: [SIG, NONC, PATH, SREP, CERT, INDX],
        srep: [VER, RADI, MIDP, VERS, ROOT],
      };
    case "draft-14":
    case "rfc-10049":
      return {
        top: [SIG, NONC, TYPE, PATH, SREP, CERT, INDX],
        srep: [VER, RADI, MIDP, VERS, ROOT],
      };
    default:
      return {
        top: [SIG, VER, NONC, PATH, SREP, CERT, INDX],
        srep: [RADI, MIDP, ROOT],
      };
  }
}

for (const dialect of ALL) {
  const { id } = dialect;

  Deno.test(
    `a reply of ${id} has the tags that its document lists`,
    none,
    async () => {
      const { response } = await exchangeFor(id, 5);
      assert.equal(isFramed(response), id !== "google");
      const top = entriesOf(messageOf(response));
      const expected = layoutOf(dialect);
      assert.deepEqual(top.map(([tag]) => tag), expected.top);
      const value = (entries: Entry[], tag: number) =>
        entries.find(([t]) => t === tag)?.[1] as Uint8Array;
      const srep = entriesOf(value(top, TAG.SREP));
      assert.deepEqual(srep.map(([tag]) => tag), expected.srep);
      assert.equal(value(top, TAG.SIG).length, 64);
      assert.equal(value(top, TAG.INDX).length, 4);
      assert.equal(value(srep, TAG.ROOT).length, hashSize(dialect));
      assert.equal(value(srep, TAG.RADI).length, 4);
      assert.equal(value(srep, TAG.MIDP).length, 8);
      if (expected.top.includes(TAG.TYPE)) {
        assert.deepEqual(Array.from(value(top, TAG.TYPE)), [1, 0, 0, 0]);
      }
      const ver = [...top, ...srep].find(([tag]) => tag === TAG.VER)?.[1];
      if (id === "google") assert.equal(ver, undefined);
      else assert.deepEqual(decodeUint32s(ver as Uint8Array), [dialect.code]);
    },
  );

  Deno.test(`parseResponse() reads a reply of ${id}`, none, async () => {
    const { request, response } = await exchangeFor(id, 5);
    const read = parsed(response);
    assert.equal(read.dialect.id, id);
    assert.equal(read.version, dialect.code);
    assert.equal(read.midpointMicros, midpointIn(dialect));
    assert.equal(read.radiusMicros, MOMENT.radiusMicros);
    assert.equal(read.root.length, hashSize(dialect));
    // Clients without TYPE get trees with an even number of levels.
    const many = dialect.type === "none" ? 4 : 3;
    const depth = dialect.batches === "one" ? 0 : many;
    assert.equal(read.pathLength, depth);
    assert.equal(read.path.length, depth * hashSize(dialect));
    assert.equal(read.index, dialect.batches === "one" ? 0 : 2);
    assert.equal(read.versions.length > 0, MODERN.includes(id));
    const nonce = entriesOf(messageOf(request))
      .find(([tag]) => tag === TAG.NONC)?.[1];
    assert.deepEqual(
      Uint8Array.from(read.nonce ?? []),
      Uint8Array.from(nonce ?? []),
    );
    // SREP is the received bytes, not a copy made from what was understood.
    const srep = entriesOf(messageOf(response))
      .find(([tag]) => tag === TAG.SREP)?.[1] as Uint8Array;
    assert.deepEqual(Uint8Array.from(read.srep), Uint8Array.from(srep));
    assert.equal(read.srep.buffer, response.buffer);
  });

  Deno.test(
    `buildSrep() of ${id} rounds time down and the radius up`,
    none,
    () => {
      const build = (midpointMicros: bigint, radiusMicros: bigint) =>
        entriesOf(buildSrep({
          dialect,
          version: dialect.code,
          versions: [dialect.code],
          midpointMicros,
          radiusMicros,
          root: bytes(hashSize(dialect), 1),
          nonce: bytes(dialect.nonceSize, 2),
        }));
      const radi = (micros: bigint) => {
        const value = build(NOW_MICROS, micros).find(([t]) => t === TAG.RADI);
        return readUint32(value?.[1] as Uint8Array, 0);
      };
      const midp = build(NOW_MICROS, SECOND).find(([t]) => t === TAG.MIDP)?.[1];
      const expected = {
        "unix-seconds": 1_790_000_000n,
        "unix-micros": NOW_MICROS,
        "mjd-micros": (61_304n << 40n) | 51_200_123_456n,
      }[dialect.time];
      assert.deepEqual(Uint8Array.from(midp ?? []), encodeUint64(expected));
      if (dialect.time !== "unix-seconds") {
        assert.equal(radi(0n), 0);
        assert.equal(radi(22n), 22);
        assert.equal(radi(5n * SECOND), 5_000_000);
      } else {
        // 3 s in 10 and 11, anything but 0 from 12 on (section 5.2.5).
        const least = LEAST_RADI[id] ?? 0;
        assert.equal(radi(0n), least);
        assert.equal(radi(1n), Math.max(1, least));
        assert.equal(radi(5n * SECOND - 1n), 5);
        assert.equal(radi(5n * SECOND), 5);
        assert.equal(radi(5n * SECOND + 1n), 6);
      }
      assert.throws(() => radi(2n ** 70n), RangeError);
    },
  );

  Deno.test(
    `parseResponse() skips the optional tags that replies of ${id} may have`,
    none,
    async () => {
      // DUT1, DTAI and LEAP of drafts 01-07, the last one empty as one server sends it.
      const exchange = await forge({
        dialect: id,
        srep: (e) => [
          ...e,
          [0x31545544, bytes(4, 1)],
          [0x49415444, bytes(4, 1)],
          [0x5041454c, new Uint8Array(0)],
        ],
      });
      assert.equal(parsed(exchange.response).dialect.id, id);
    },
  );

  Deno.test(
    `parseResponse() reads a reply of ${id} with as short a NONC as there is`,
    none,
    async () => {
      const { response } = await forge({
        dialect: id,
        top: (e) => drop(e, TAG.NONC),
      });
      const result = parseResponse(response, { framed: dialect.framed });
      // From 12 on the top NONC is mandatory; 01 and 02 have theirs in SREP.
      if (MODERN.includes(id)) {
        assert(!result.ok && result.rejection.code === "tag-missing");
        assert.equal(result.rejection.tag, TAG.NONC);
        return;
      }
      assert(result.ok);
      const inside = id === "draft-01" || id === "draft-02";
      assert.equal(result.response.nonce?.length, inside ? 64 : undefined);
    },
  );
}

Deno.test(
  "parseResponse() wants the frame that the request had, and none other (section 5)",
  none,
  async () => {
    for (const { id } of ALL) {
      const { response } = await forge({ dialect: id });
      const framed = isFramed(response);
      const other = framed ? messageOf(response) : frame(response);
      for (
        const [packet, wanted] of [
          [other, framed],
          [response, !framed],
        ] as const
      ) {
        const result = parseResponse(packet, { framed: wanted });
        assert(!result.ok && result.rejection.code === "malformed");
        assert.equal(result.rejection.fault.code, "frame-magic");
      }
    }
  },
);

Deno.test(
  "parseResponse() finds the version where that version says it",
  none,
  async () => {
    const draft11 = await forge({ dialect: "draft-11" });
    const draft14 = await forge({ dialect: "draft-14" });
    // Neither place.
    const neither = edit(draft11.response, (e) => drop(e, TAG.VER));
    const missing = parseResponse(neither, { framed: true });
    assert(!missing.ok && missing.rejection.code === "tag-missing");
    assert.deepEqual(
      [missing.rejection.document, missing.rejection.tag],
      ["response", TAG.VER],
    );
    // Both: the signed one counts where it is in its place, whatever anybody put on top.
    for (const modern of [draft14, await forge({ dialect: "rfc-10049" })]) {
      const { dialect, version } = parsed(modern.response);
      const tops = [
        ...ALL.map(({ code }) => encodeUint32s([code])),
        ...[0, 0x7fffffff, 0xffffffff].map((code) => encodeUint32s([code])),
        new Uint8Array(0),
        new Uint8Array(8),
      ];
      for (const top of tops) {
        const packet = edit(modern.response, (e) => put(e, TAG.VER, top));
        const said = parsed(packet);
        assert.deepEqual([said.dialect.id, said.version], [
          dialect.id,
          version,
        ]);
      }
    }
    // A SREP that names an old version is no such place: servers of 10 and 11 are seen
    // doing this, and the top one counts as if the other were not there.
    for (const inside of [0x8000000a, 0x8000000b, 0x80000001, 0, 0x7fffffff]) {
      const { response } = await forge({
        dialect: "draft-11",
        srep: (e) => put(e, TAG.VER, encodeUint32s([inside])),
      });
      assert.equal(parsed(response).dialect.id, "draft-11");
      // On top there must be a number then, and one that belongs there.
      for (
        const [top, code] of [
          [new Uint8Array(0), "length-wrong"],
          [new Uint8Array(8), "length-wrong"],
        ] as const
      ) {
        const packet = edit(response, (e) => put(e, TAG.VER, top));
        const result = parseResponse(packet, { framed: true });
        assert(!result.ok && result.rejection.code === code);
      }
      const bare = edit(response, (e) => drop(e, TAG.VER));
      assert(!parseResponse(bare, { framed: true }).ok);
    }
    // A signed VER that is no number names nothing.
    const { response: odd } = await forge({
      dialect: "draft-11",
      srep: (e) => put(e, TAG.VER, new Uint8Array(8)),
    });
    assert.equal(parsed(odd).dialect.id, "draft-11");
    // A modern SREP without TYPE is 12-13; version 1 must have it (section 5.2.3).
    const untyped = edit(draft14.response, (e) => drop(e, TAG.TYPE));
    assert.equal(parsed(untyped).dialect.id, "draft-12");
    const rfc = await forge({ dialect: "rfc-10049" });
    const bare = parseResponse(
      edit(rfc.response, (e) => drop(e, TAG.TYPE)),
      { framed: true },
    );
    assert(!bare.ok && bare.rejection.code === "tag-missing");
    assert.equal(bare.rejection.tag, TAG.TYPE);
  },
);

Deno.test(
  "parseResponse() believes every known number in its place and none elsewhere",
  none,
  async () => {
    const known = new Set(ALL.map(({ code }) => code));
    for (let version = 0x80000000; version <= 0x80000020; version++) {
      const modern = await forge({ dialect: "draft-14", version });
      const result = parseResponse(modern.response, { framed: true });
      if (version >= 0x8000000c && version <= 0x80000013) {
        assert(result.ok);
        assert.equal(result.response.version, version);
        assert.equal(result.response.dialect.id, "draft-14");
        continue;
      }
      assert(!result.ok);
      assert.equal(
        result.rejection.code,
        known.has(version) ? "version-misplaced" : "version-unknown",
      );
    }
  },
);

Deno.test(
  "parseResponse() reads an old number by its own layout",
  none,
  async () => {
    for (const id of Object.keys(DIALECTS) as DialectId[]) {
      if (DIALECTS[id].versionEcho !== "top") continue;
      // The same bytes with another old number are read as that number's dialect would be.
      const { response } = await forge({ dialect: id });
      for (const other of ALL.filter((d) => d.versionEcho === "top")) {
        const packet = edit(
          response,
          (e) => put(e, TAG.VER, encodeUint32s([other.code])),
        );
        const result = parseResponse(packet, { framed: true });
        if (result.ok) assert.equal(result.response.dialect.id, other.id);
        else assert.notEqual(other.id, id);
      }
    }
  },
);

Deno.test(
  "responseEntries() and encodeResponse() write what parseResponse() reads",
  none,
  () => {
    const dialects = fc.constantFrom(...ALL);
    fc.assert(
      fc.property(
        dialects,
        fc.integer({ min: 0, max: 32 }),
        fc.nat(),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.bigInt({ min: 0n, max: 4n * 10n ** 15n }),
        fc.bigInt({ min: 0n, max: 4n * 10n ** 9n }),
        (dialect, depth, index, random, midpointMicros, radiusMicros) => {
          const nonce = random.subarray(0, dialect.nonceSize);
          const root = bytes(hashSize(dialect), 1);
          const path = bytes(depth * hashSize(dialect), 2);
          const signature = bytes(64, 3);
          const certificate = entriesOf(messageOf(certified(dialect)))
            .find(([t]) => t === TAG.CERT)?.[1] as Uint8Array;
          const { code: version } = dialect;
          const srep = buildSrep({
            dialect,
            version,
            versions: [version],
            midpointMicros,
            radiusMicros,
            root,
            nonce,
          });
          const packet = encodeResponse(
            dialect,
            responseEntries({
              dialect,
              version,
              signature,
              srep,
              certificate,
              nonce,
              path,
              index,
            }),
          );
          const read = parsed(packet);
          assert.equal(read.dialect.id, dialect.id);
          assert.equal(read.index, index);
          assert.equal(read.pathLength, depth);
          for (
            const [got, sent] of [
              [read.nonce, nonce],
              [read.root, root],
              [read.path, path],
              [read.signature, signature],
              [read.srep, srep],
            ] as const
          ) assert.deepEqual(Uint8Array.from(got ?? []), Uint8Array.from(sent));
          const unit = dialect.time === "unix-seconds" ? SECOND : 1n;
          assert.equal(
            read.midpointMicros,
            midpointMicros - midpointMicros % unit,
          );
          assert(read.radiusMicros >= radiusMicros);
        },
      ),
      { numRuns: 300 },
    );
  },
);

const CERTIFIED = new Map<DialectId, Uint8Array>();
for (const { id } of ALL) {
  CERTIFIED.set(id, (await forge({ dialect: id })).response);
}

function certified({ id }: Dialect): Uint8Array {
  return CERTIFIED.get(id) as Uint8Array;
}

Deno.test("parseResponse() never throws, whatever is in the tags", none, () => {
  const change = fc.record({
    tag: fc.constantFrom(...Object.values(TAG)),
    value: fc.oneof(
      fc.constant(undefined),
      fc.uint8Array({ maxLength: 40 }).map((b) =>
        b.subarray(0, b.length - b.length % 4)
      ),
    ),
    inside: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...ALL),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (dialect, changes) => {
        let packet: Uint8Array = certified(dialect);
        for (const { tag, value, inside } of changes) {
          const apply = (e: Entry[]) =>
            value === undefined ? drop(e, tag) : put(e, tag, value);
          packet = edit(packet, (e) => {
            const srep = e.find(([t]) => t === TAG.SREP)?.[1];
            return inside && srep !== undefined && srep.length > 40
              ? put(e, TAG.SREP, edit(srep, apply))
              : apply(e);
          });
        }
        for (const framed of [true, false]) {
          const result = parseResponse(packet, { framed });
          if (!result.ok) continue;
          const { signature, pathLength, path, dialect } = result.response;
          assert.equal(signature.length, 64);
          assert.equal(pathLength * hashSize(dialect), path.length);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("parseResponse() does not take a request for a reply", none, () => {
  for (const { id, framed } of ALL) {
    const result = parseResponse(requestFor(id), { framed });
    assert(!result.ok);
    assert(["tag-missing", "type-wrong"].includes(result.rejection.code));
  }
});
