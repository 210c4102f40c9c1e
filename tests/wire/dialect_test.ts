import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ALIASES,
  DEFAULT_OFFER,
  type Dialect,
  dialectFor,
  DIALECTS,
  formatVersion,
  GOOGLE_VERSION,
  isAscending,
  MAX_OFFERED,
  MAX_VERSIONS,
  mustAscend,
  offerFor,
  OFFERS,
  selectVersion,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import {
  buildRequest,
  nonceSizeOf,
  parseRequest,
} from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";

const ALL: readonly Dialect[] = Object.values(DIALECTS);
const uint32 = fc.integer({ min: 0, max: 0xffffffff });

/** What every row must say, told once more from the documents' point of view. */
const PROFILES = `
id        code       nonceSize padding hash       leaf       time         context versionEcho type     srv
google    3000600613 64        PADFF   sha512     zero-nonce unix-micros  dashed  none        none     ignored
draft-01  2147483649 64        PAD0    sha512/32  zero-nonce mjd-micros   dashed  top         none     ignored
draft-02  2147483650 64        PAD0    sha512/256 zero-nonce mjd-micros   dashed  top         none     ignored
draft-03  2147483651 64        PAD0    sha512/32  zero-nonce mjd-micros   dashed  top         none     ignored
draft-04  2147483652 64        PAD0    sha512/32  zero-nonce mjd-micros   dashed  top         none     ignored
draft-05  2147483653 32        PAD0    sha512/32  zero-nonce mjd-micros   dashed  top         none     ignored
draft-06  2147483654 32        PAD0    sha512/32  zero-nonce mjd-micros   dashed  top         none     ignored
draft-07  2147483655 32        PAD0    sha512/256 zero-nonce mjd-micros   plain   top         none     ignored
draft-08  2147483656 32        ZZZZ    sha512/32  zero-nonce unix-seconds dashed  top         none     ignored
draft-09  2147483657 32        ZZZZ    sha512/32  zero-nonce unix-seconds dashed  top         none     ignored
draft-10  2147483658 32        ZZZZ    sha512/32  zero-nonce unix-seconds dashed  top         none     heeded
draft-11  2147483659 32        ZZZZ    sha512/32  zero-nonce unix-seconds dashed  top         none     heeded
draft-12  2147483660 32        ZZZZ    sha512/32  packet     unix-seconds plain   srep        none     heeded
draft-14  2147483660 32        ZZZZ    sha512/32  packet     unix-seconds plain   srep        required heeded
rfc-10049 1          32        ZZZZ    sha512/32  packet     unix-seconds rfc     srep        required heeded
`;

Deno.test({
  name: "DIALECTS says of every version what its document says",
  permissions: "none",
  fn: () => {
    const [columns = [], ...rows] = PROFILES.trim().split("\n").map((line) =>
      line.split(/ +/)
    );
    const said = ALL.map((dialect) =>
      columns.map((column) => String(dialect[column as keyof Dialect]))
    );
    assert.deepEqual(said, rows);
  },
});

Deno.test({
  name: "DIALECTS names its rows by their own ids and fills every cell",
  permissions: "none",
  fn: () => {
    const columns = Object.keys(DIALECTS["google"]);
    for (const [id, dialect] of Object.entries(DIALECTS)) {
      assert.equal(dialect.id, id);
      assert.deepEqual(Object.keys(dialect), columns, id);
      for (const cell of Object.values(dialect)) {
        assert(cell !== undefined && cell !== "", id);
      }
      assert.match(dialect.note, /\.$/, id);
    }
    for (const column of ["id", "title"] as const) {
      const cells = ALL.map((dialect) => dialect[column]);
      assert.equal(new Set(cells).size, ALL.length, column);
    }
  },
});

Deno.test({
  name: "DIALECTS shares a number only between drafts 12-13 and 14-19",
  permissions: "none",
  fn: () => {
    const codes = ALL.map(({ code }) => code);
    const shared = ALL.filter(({ code }) =>
      codes.filter((other) => other === code).length > 1
    );
    assert.deepEqual(shared.map(({ id }) => id), ["draft-12", "draft-14"]);
    const differing = Object.keys(DIALECTS["draft-12"]).filter((column) =>
      DIALECTS["draft-12"][column as keyof Dialect] !==
        DIALECTS["draft-14"][column as keyof Dialect]
    );
    const expected = ["id", "title", "type", "pathOrder", "spec", "note"];
    assert.deepEqual(differing, expected);
  },
});

Deno.test({
  name: "DIALECTS is free of contradictions within a row",
  permissions: "none",
  fn: () => {
    for (const dialect of ALL) {
      const { id, framed, batches, code } = dialect;
      const only = (condition: boolean, ...holds: boolean[]) =>
        holds.forEach((held) => assert.equal(held, condition, id));
      // Without a frame there is no VER, to offer or to repeat.
      only(
        !framed,
        dialect.versionList === "none",
        dialect.versionEcho === "none",
        dialect.padding === "PADFF",
        code === GOOGLE_VERSION,
      );
      // A nonce under the signature makes it good for one request.
      only(batches === "one", dialect.nonceEcho === "srep");
      // With the version under the signature came the leaf and the order of lists.
      only(
        dialect.versionEcho === "srep",
        dialect.leaf === "packet",
        dialect.versionList === "ascending",
        dialect.nonceEcho === "required",
        dialect.leastRadiusSeconds === 1,
      );
      if (dialect.type === "required") assert.equal(dialect.leaf, "packet", id);
      // §5.2.4: the text was misprinted from 05 until TYPE told the later ones apart.
      assert.equal(
        dialect.pathOrder === "either",
        dialect.nonceSize === 32 && dialect.type === "none",
        id,
      );
    }
  },
});

Deno.test({
  name: "the default offer is ascending, short and made of known numbers",
  permissions: "none",
  fn: () => {
    const expected = [1, 0x80000007, 0x8000000b, 0x8000000c];
    assert.deepEqual(DEFAULT_OFFER, expected);
    assert(isAscending(DEFAULT_OFFER));
    assert(DEFAULT_OFFER.length <= MAX_OFFERED);
    assert(MAX_OFFERED <= MAX_VERSIONS);
    assert(!DEFAULT_OFFER.some((code) => ALIASES.includes(code)));
    assert.deepEqual(OFFERS, [
      DEFAULT_OFFER,
      [0x8000000c],
      [GOOGLE_VERSION],
      [0x80000008, 0x80000009, 0x8000000a],
    ]);
  },
});

Deno.test({
  name: "every offer fits in one request of 1024 bytes",
  permissions: "none",
  fn: () => {
    for (const versions of OFFERS) {
      const nonce = new Uint8Array(nonceSizeOf(versions)).fill(1);
      const publicKey = new Uint8Array(32).fill(2);
      const packet = buildRequest({ versions, nonce, publicKey });
      assert.equal(packet.length, 1024);
      const parsed = parseRequest(packet);
      assert(parsed.ok);
      assert.deepEqual(parsed.request.versions, versions);
      assert.equal(
        parsed.request.message.has(TAG.PADFF),
        versions.includes(GOOGLE_VERSION),
      );
    }
  },
});

Deno.test({
  name: "SERVER_VERSIONS is ascending and names every framed dialect once",
  permissions: "none",
  fn: () => {
    assert(isAscending(SERVER_VERSIONS));
    const framed = new Set(
      ALL.filter((dialect) => dialect.framed).map(({ code }) => code),
    );
    assert.deepEqual(new Set(SERVER_VERSIONS), framed);
    assert(SERVER_VERSIONS.length <= MAX_VERSIONS);
  },
});

Deno.test({
  name: "dialectFor() finds every row and tells 12-13 from 14-19 by TYPE",
  permissions: "none",
  fn: () => {
    for (const dialect of ALL) {
      const typed = dialect.type === "required";
      assert.equal(dialectFor(dialect.code, { typed }), dialect);
    }
    // Elsewhere TYPE changes nothing: it is an unknown tag there.
    for (const { id, code } of ALL.filter(({ code }) => code !== 0x8000000c)) {
      for (const typed of [true, false]) {
        assert.equal(dialectFor(code, { typed })?.id, id);
      }
    }
  },
});

Deno.test({
  name: "dialectFor() reads an alias as 0x8000000c and knows no other number",
  permissions: "none",
  fn: () => {
    for (const alias of ALIASES) {
      assert.equal(dialectFor(alias, { typed: true })?.id, "draft-14");
      assert.equal(dialectFor(alias, { typed: false })?.id, "draft-12");
    }
    const known = new Set([...ALL.map(({ code }) => code), ...ALIASES]);
    for (const code of [0, 2, 0x80000000, 0x80000014, 0x90000001, 0xffffffff]) {
      assert(!known.has(code));
      assert.equal(dialectFor(code, { typed: true }), undefined);
    }
    fc.assert(fc.property(uint32, fc.boolean(), (code, typed) => {
      assert.equal(dialectFor(code, { typed }) !== undefined, known.has(code));
    }));
  },
});

Deno.test({
  name: "selectVersion() picks what the server prefers among what was offered",
  permissions: "none",
  fn: () => {
    const drafts = SERVER_VERSIONS.filter((code) => code !== 1);
    interface Case {
      offered: readonly number[];
      nonceSize?: number;
      supported?: readonly number[];
      preferRfc?: boolean;
      expected: number | undefined;
    }
    const cases: Case[] = [
      // Every client that offers 0x8000000c can verify it; of 1 that is not sure.
      { offered: [1, 0x8000000c], expected: 0x8000000c },
      { offered: [1, 0x8000000c], preferRfc: true, expected: 1 },
      { offered: DEFAULT_OFFER, expected: 0x8000000c },
      { offered: DEFAULT_OFFER, preferRfc: true, expected: 1 },
      { offered: [1, 0x8000000b], expected: 1 },
      { offered: [1], expected: 1 },
      { offered: [0x8000000c], preferRfc: true, expected: 0x8000000c },
      // Then downward, whatever the order of the list.
      { offered: [0x80000007, 0x80000008], expected: 0x80000008 },
      { offered: [0x8000000b, 0x80000008], expected: 0x8000000b },
      { offered: [0x80000008, 0x8000000b], expected: 0x8000000b },
      {
        offered: drafts,
        supported: [0x80000005, 0x80000007],
        expected: 0x80000007,
      },
      // Unknown numbers change nothing.
      { offered: [0, 2, 0x80000008, 0xffffffff], expected: 0x80000008 },
      // The length of the nonce rules out the other half.
      { offered: drafts, nonceSize: 64, expected: 0x80000004 },
      { offered: drafts, nonceSize: 32, expected: 0x8000000c },
      { offered: [1, 0x8000000c], nonceSize: 64, expected: undefined },
      { offered: [0x80000003], nonceSize: 32, expected: undefined },
      { offered: [0x80000003], nonceSize: 64, expected: 0x80000003 },
      { offered: drafts, nonceSize: 48, expected: undefined },
      // An alias is answered by its own number, where 0x8000000c would be.
      { offered: [0x8000000e], expected: 0x8000000e },
      { offered: [0x8000000c, 0x8000000f], expected: 0x8000000c },
      { offered: [0x8000000b, 0x8000000d], expected: 0x8000000d },
      { offered: [1, 0x8000000d], expected: 1 },
      {
        offered: [0x8000000d],
        supported: [1, 0x8000000b],
        expected: undefined,
      },
      // Nothing in common.
      { offered: [], expected: undefined },
      { offered: [0, 2, 0x80000014, 0x90000001], expected: undefined },
      { offered: [1, 0x8000000c], supported: [], expected: undefined },
      {
        offered: [1, 0x8000000c],
        supported: [0x8000000b],
        expected: undefined,
      },
      // Google's protocol has no number on the wire, so a list cannot ask for it.
      {
        offered: [GOOGLE_VERSION],
        supported: [GOOGLE_VERSION, ...SERVER_VERSIONS],
        nonceSize: 64,
        expected: undefined,
      },
    ];
    for (const { offered, expected, ...rest } of cases) {
      const options = {
        supported: SERVER_VERSIONS,
        nonceSize: 32,
        typed: true,
        preferRfc: false,
        ...rest,
      };
      assert.equal(
        selectVersion(offered, options),
        expected,
        Deno.inspect({ offered, ...options }),
      );
    }
  },
});

Deno.test({
  name: "selectVersion() answers only what was offered, in any order",
  permissions: "none",
  fn: () => {
    const code = fc.oneof(
      uint32,
      fc.constantFrom(...SERVER_VERSIONS, ...ALIASES, GOOGLE_VERSION),
    );
    const offer = fc.array(code, { maxLength: MAX_VERSIONS });
    fc.assert(fc.property(
      offer,
      fc.constantFrom(32, 64),
      fc.boolean(),
      (offered, nonceSize, preferRfc) => {
        const options = {
          supported: SERVER_VERSIONS,
          nonceSize,
          typed: true,
          preferRfc,
        };
        const chosen = selectVersion(offered, options);
        const backward = selectVersion([...offered].reverse(), options);
        assert.equal(backward, chosen);
        if (chosen === undefined) return;
        assert(offered.includes(chosen));
        const dialect = dialectFor(chosen, { typed: true });
        assert.equal(dialect?.nonceSize, nonceSize);
      },
    ));
  },
});

Deno.test({
  name: "mustAscend() holds lists to order only from draft 12 on",
  permissions: "none",
  fn: () => {
    // As Cloudflare's own client sends it.
    assert(!mustAscend([0x8000000b, 0x80000008]));
    assert(!mustAscend([]));
    assert(!mustAscend([0, 2, 0xffffffff]));
    assert(
      !mustAscend(
        SERVER_VERSIONS.filter((code) =>
          code > 0x80000000 && code < 0x8000000c
        ),
      ),
    );
    assert(mustAscend([1]));
    assert(mustAscend([0x8000000b, 0x8000000c]));
    assert(mustAscend([0x8000000c, 0x80000008]));
    for (const alias of ALIASES) assert(mustAscend([0x80000008, alias]));
  },
});

Deno.test({
  name: "isAscending() takes neither repeats nor steps back",
  permissions: "none",
  fn: () => {
    assert(isAscending([]));
    assert(isAscending([0]));
    assert(isAscending([0, 1, 0x80000000, 0xffffffff]));
    assert(!isAscending([1, 1]));
    assert(!isAscending([0, 0]));
    assert(!isAscending([0x8000000b, 0x80000008]));
    assert(!isAscending([1, 3, 2]));
    fc.assert(fc.property(fc.uniqueArray(uint32), (given) => {
      const sorted = [...given].sort((a, b) => a - b);
      assert(isAscending(sorted));
      if (given.length > 1) assert(!isAscending([...sorted].reverse()));
    }));
  },
});

Deno.test({
  name: "formatVersion() writes versions as people do",
  permissions: "none",
  fn: () => {
    assert.equal(formatVersion(GOOGLE_VERSION), "google");
    assert.equal(formatVersion(1), "1");
    assert.equal(formatVersion(0), "0");
    assert.equal(formatVersion(0x8000000c), "0x8000000c");
    assert.equal(formatVersion(0xffffffff), "0xffffffff");
    fc.assert(fc.property(uint32, (code) => {
      if (code === GOOGLE_VERSION) return;
      assert.equal(Number(formatVersion(code)), code);
    }));
  },
});

Deno.test({
  name: "offerFor() gives an offer with the version that can be sent",
  permissions: "none",
  fn: () => {
    for (const code of [...ALL.map(({ code }) => code), ...ALIASES]) {
      const offer = offerFor(code) ?? DEFAULT_OFFER;
      assert(offer.includes(code), formatVersion(code));
      assert(offer.length <= MAX_OFFERED && isAscending(offer));
      const nonce = new Uint8Array(nonceSizeOf(offer));
      assert.equal(buildRequest({ versions: offer, nonce }).length, 1024);
    }
    assert.deepEqual(offerFor(GOOGLE_VERSION), [GOOGLE_VERSION]);
    for (const code of [...DEFAULT_OFFER, 0, 2, 0x90000001, NaN]) {
      assert.equal(offerFor(code), undefined);
    }
  },
});
