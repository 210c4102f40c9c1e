import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeUint32s, writeUint32 } from "../../../lib/wire/uint.ts";
import {
  ALIASES,
  dialectFor,
  DIALECTS,
  GOOGLE_VERSION,
  selectVersion,
} from "../../../lib/wire/dialect.ts";
import { frame, FRAME_BYTES } from "../../../lib/wire/frame.ts";
import { fuzzRequests } from "../../../lib/chaos/fuzz.ts";
import { createKernel } from "../../../lib/server/fast/kernel/instance.ts";
import {
  INPUT_BYTES,
  inputOffset,
  SLOTS,
} from "../../../lib/server/fast/kernel/layout.ts";
import { encodeMessage, type Entry } from "../../../lib/wire/message.ts";
import { buildRequest, parseRequest } from "../../../lib/wire/request.ts";
import { ANSWERABLE } from "../../../lib/server/responder.ts";
import {
  type Choice,
  type ReaderOptions,
  SlotReader,
} from "../../../lib/server/fast/slot_reader.ts";
import { TAG } from "../../../lib/wire/tag.ts";
import {
  ALL,
  bytes,
  corpus,
  edit,
  encodeLoosely,
  entriesOf,
  flip,
  messageOf,
  PUBLIC_KEY,
  put,
  requestFor,
} from "../../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const KNOWN = [...new Set([...ANSWERABLE, ...ALIASES])];

/** Dialects that share a signature between requests. */
const BATCHED = ALL.filter(({ batches }) => batches !== "one");

const kernel = createKernel();

function makeReader(options: Partial<ReaderOptions> = {}): SlotReader {
  return new SlotReader(kernel, KNOWN, {
    versions: ANSWERABLE,
    preferRfc: false,
    ...options,
  });
}

/** Reads a packet in a slot that is full of something else. */
function read(
  reader: SlotReader,
  packet: Uint8Array,
  slot = 5,
): Choice | undefined {
  const from = inputOffset(slot);
  kernel.bytes.fill(0xa5, from, from + INPUT_BYTES);
  kernel.bytes.set(packet.subarray(0, INPUT_BYTES), from);
  return reader.read(slot, packet.length);
}

/** Whatever it takes, the readers that know every rule must read alike. */
function agrees(
  reader: SlotReader,
  packet: Uint8Array,
  { versions, preferRfc }: ReaderOptions = {
    versions: ANSWERABLE,
    preferRfc: false,
  },
): Choice | undefined {
  const slot = 5;
  const choice = read(reader, packet, slot);
  if (choice === undefined) return undefined;
  const parsed = parseRequest(packet);
  if (!parsed.ok) assert.fail(Deno.inspect(parsed));
  const { request } = parsed;
  assert(packet.length >= 1024 && packet.length <= INPUT_BYTES);
  assert(!request.message.has(TAG.SREP));
  const version = request.framed
    ? selectVersion(request.versions, {
      supported: versions,
      nonceSize: request.nonce.length,
      typed: request.typed,
      preferRfc,
    })
    : GOOGLE_VERSION;
  assert.equal(choice.version, version);
  assert.equal(
    choice.dialect,
    dialectFor(version as number, { typed: request.typed }),
  );
  assert.equal(choice.dialect.nonceSize, request.nonce.length);
  const at = (from: number, length: number) =>
    kernel.bytes.slice(from, from + length);
  const nonceAt = reader.nonceAt[slot] as number;
  assert.deepEqual(
    at(nonceAt, request.nonce.length),
    Uint8Array.from(request.nonce),
  );
  const srvAt = reader.srvAt[slot] as number;
  assert.deepEqual(
    srvAt === 0 ? undefined : at(srvAt, 32),
    request.srv && Uint8Array.from(request.srv),
  );
  return choice;
}

Deno.test("SlotReader has a bit for every known version", none, () => {
  // As many as a bit mask has without its sign.
  assert(KNOWN.length <= 31);
});

Deno.test("SlotReader takes what clients send", none, () => {
  const reader = makeReader();
  for (const { id } of BATCHED) {
    for (const size of [1024, 1028, 1500, INPUT_BYTES]) {
      const choice = agrees(reader, requestFor(id, size, size));
      assert(choice, id);
      assert.equal(choice.dialect.id, id);
    }
  }
  for (const versions of [[1, 0x8000000c], [1, 0x8000000f], [0x8000000b]]) {
    for (const publicKey of [PUBLIC_KEY, undefined]) {
      const nonce = bytes(32, 1);
      assert(agrees(reader, buildRequest({ versions, nonce, publicKey })));
      assert.equal(reader.srvAt[5] === 0, publicKey === undefined);
    }
  }
});

Deno.test("SlotReader leaves alone what is signed for one by one", none, () => {
  const reader = makeReader();
  for (const { id, batches } of ALL) {
    const choice = read(reader, requestFor(id));
    assert.equal(choice === undefined, batches === "one", id);
  }
});

Deno.test(
  "SlotReader takes only versions that the server answers",
  none,
  () => {
    for (const { id, code } of BATCHED) {
      const own = makeReader({ versions: [code] });
      const others = makeReader({
        versions: ANSWERABLE.filter((version) => version !== code),
      });
      assert(read(own, requestFor(id)), id);
      assert.equal(read(others, requestFor(id)), undefined, id);
    }
  },
);

Deno.test("SlotReader prefers as selectVersion() does", none, () => {
  const versions = [1, 0x8000000c];
  const request = buildRequest({ versions, nonce: bytes(32, 1) });
  for (const preferRfc of [false, true]) {
    const options = { versions: ANSWERABLE, preferRfc };
    agrees(makeReader(options), request, options);
  }
  const rfc = makeReader({ preferRfc: true });
  assert.equal(read(rfc, request)?.version, 1);
});

Deno.test(
  "SlotReader keeps slots apart, the first and the last too",
  none,
  () => {
    const reader = makeReader();
    const slots = [0, 1, SLOTS - 2, SLOTS - 1];
    for (const slot of slots) read(reader, requestFor("rfc-10049", slot), slot);
    for (const slot of slots) {
      const from = reader.nonceAt[slot] as number;
      assert(from >= inputOffset(slot));
      assert(from < inputOffset(slot) + INPUT_BYTES);
      assert.deepEqual(
        kernel.bytes.slice(from, from + 32),
        bytes(32, 10_000 + slot),
      );
    }
  },
);

/** A framed request of version 1 with these tags, filled up to 1024 bytes. */
function framed(entries: readonly Entry[]): Uint8Array {
  const bare = encodeMessage([...entries, [TAG.ZZZZ, new Uint8Array(0)]]);
  const fill = new Uint8Array(Math.max(0, 1012 - bare.length));
  return frame(encodeMessage([...entries, [TAG.ZZZZ, fill]]));
}

const NONC: Entry = [TAG.NONC, bytes(32, 4)];
const VER: Entry = [TAG.VER, encodeUint32s([1])];
const TYPE: Entry = [TAG.TYPE, encodeUint32s([0])];
const ver = (...versions: number[]): Entry => [
  TAG.VER,
  encodeUint32s(versions),
];

const good = framed([NONC, VER, TYPE]);

function with32(packet: Uint8Array, at: number, word: number): Uint8Array {
  const copy = packet.slice();
  writeUint32(copy, at, word);
  return copy;
}

const FIRST_OFFSET = FRAME_BYTES + 4;
const FIRST_TAG = FRAME_BYTES + 16;

const unsorted = (entries: Entry[]) => frame(encodeLoosely(entries));

const REFUSED: readonly [what: string, packet: Uint8Array][] = [
  ["nothing", new Uint8Array(0)],
  ["a word too few", good.slice(0, 1020)],
  ["a byte too many", new Uint8Array([...good, 0])],
  ["more than a slot holds", requestFor("rfc-10049", 0, INPUT_BYTES + 4)],
  ["a frame that is too long", with32(good, 8, 1016)],
  ["a frame that is too short", with32(good, 8, 1008)],
  ["half a magic", flip(good, 40)],
  ["no tags", with32(good, FRAME_BYTES, 0)],
  ["too many tags", with32(good, FRAME_BYTES, 17)],
  ["a great many tags", with32(good, FRAME_BYTES, 0xffff_ffff)],
  ["an odd offset", with32(good, FIRST_OFFSET, 2)],
  ["an offset past the end", with32(good, FIRST_OFFSET, 0x7fff_fffc)],
  ["an offset that is negative", with32(good, FIRST_OFFSET, 0xffff_fffc)],
  ["offsets that descend", with32(good, FIRST_OFFSET + 4, 0)],
  ["a tag twice", with32(good, FIRST_TAG, TAG.NONC)],
  ["tags out of order", with32(good, FIRST_TAG, TAG.ZZZZ)],
  ["no nonce", framed([VER, TYPE])],
  ["an empty nonce", framed([[TAG.NONC, new Uint8Array(0)], VER, TYPE])],
  ["a nonce of 28 bytes", framed([[TAG.NONC, bytes(28, 1)], VER, TYPE])],
  [
    "a nonce for another version",
    framed([[TAG.NONC, bytes(64, 1)], VER, TYPE]),
  ],
  ["no VER", framed([NONC, TYPE])],
  ["an empty VER", framed([NONC, ver(), TYPE])],
  ["VER out of order", framed([NONC, ver(0x8000000c, 1), TYPE])],
  ["a version twice", framed([NONC, ver(1, 1), TYPE])],
  ["too many versions", framed([NONC, ver(...Array(33).keys()), TYPE])],
  ["only unknown versions", framed([NONC, ver(7, 8, 9), TYPE])],
  ["a reply's TYPE", framed([NONC, VER, [TAG.TYPE, encodeUint32s([1])]])],
  ["a TYPE of two words", framed([NONC, VER, [TAG.TYPE, bytes(8, 0)]])],
  ["an empty TYPE", framed([NONC, VER, [TAG.TYPE, new Uint8Array(0)]])],
  ["no TYPE where it must be", framed([NONC, VER])],
  ["an SRV of 28 bytes", framed([NONC, VER, TYPE, [TAG.SRV, bytes(28, 1)]])],
  ["an empty SRV", framed([NONC, VER, TYPE, [TAG.SRV, new Uint8Array(0)]])],
  ["a reply in disguise", framed([NONC, VER, TYPE, [TAG.SREP, bytes(8, 1)]])],
  [
    "tags as they come",
    unsorted([[TAG.ZZZZ, bytes(940, 1)], NONC, VER, TYPE]),
  ],
];

for (const [what, packet] of REFUSED) {
  Deno.test(`SlotReader leaves ${what} to others`, none, () => {
    assert.equal(read(makeReader(), packet), undefined);
  });
}

Deno.test(
  "SlotReader takes what is odd and legal only as others do",
  none,
  () => {
    const reader = makeReader();
    const extra = (count: number): Entry[] =>
      Array.from({ length: count }, (_, i) => [0x00010000 + i, bytes(4, i)]);
    const accepted = [
      good,
      framed([NONC, ver(1, ...Array(31).keys().map((i) => i + 2)), TYPE]),
      framed([NONC, ver(1, 0x1234, 0xffff_ffff), TYPE]),
      framed([NONC, VER, TYPE, ...extra(12)]),
      framed([NONC, VER, TYPE, [0, new Uint8Array(0)]]),
      framed([NONC, VER, TYPE, [0xffff_ffff, bytes(4, 1)]]),
      // Several values begin, and end, at one place.
      framed([NONC, VER, TYPE, [1, bytes(0, 0)], [2, bytes(0, 0)]]),
    ];
    for (const packet of accepted) {
      assert.equal(packet.length, 1024);
      assert(
        agrees(reader, packet),
        Deno.inspect(entriesOf(messageOf(packet))),
      );
    }
    // More tags than anybody sends are somebody else's business.
    const many = framed([NONC, VER, TYPE, ...extra(13)]);
    assert(parseRequest(many).ok);
    assert.equal(read(reader, many), undefined);
  },
);

Deno.test(
  "SlotReader needs no frame of Google's clients, and takes none",
  none,
  () => {
    const reader = makeReader();
    const google = requestFor("google");
    assert.equal(agrees(reader, google)?.version, GOOGLE_VERSION);
    const boxed = frame(google.slice(0, 1012));
    assert.equal(agrees(reader, boxed), undefined);
    const short = edit(
      google,
      (entries) => put(entries, TAG.NONC, bytes(32, 1)),
    );
    assert.equal(agrees(reader, short), undefined);
  },
);

Deno.test("SlotReader agrees on the corpus and on mutations", none, () => {
  const reader = makeReader();
  let taken = 0;
  for (const { id } of ALL) {
    for (const { packet } of corpus(requestFor(id))) {
      if (agrees(reader, packet)) taken++;
    }
  }
  for (const { packet } of fuzzRequests(11, 20_000)) {
    if (agrees(reader, packet)) taken++;
  }
  assert(taken > 100, String(taken));
});

Deno.test("SlotReader agrees on any tags with any values", none, () => {
  const reader = makeReader();
  const tag = fc.oneof(
    fc.constantFrom(...Object.values(TAG)),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  );
  const versions = fc.uniqueArray(
    fc.oneof(fc.constantFrom(...KNOWN.filter((code) => code > 0)), fc.nat(20)),
    { maxLength: 34 },
  ).map((list) => encodeUint32s(list.sort((a, b) => a - b)));
  const value = fc.oneof(
    fc.constantFrom(0, 4, 28, 32, 36, 64).map((length) =>
      bytes(length, length)
    ),
    fc.constant(encodeUint32s([0])),
    versions,
  );
  const entries = fc.tuple(
    fc.uniqueArray(fc.tuple(tag, value), {
      selector: ([tag]) => tag,
      maxLength: 14,
    }),
    fc.constantFrom(32, 64),
    versions,
    fc.boolean(),
  );
  fc.assert(
    fc.property(
      entries,
      fc.boolean(),
      ([rest, nonce, offer, typed], isFramed) => {
        const own: Entry[] = [
          [TAG.NONC, bytes(nonce, 1)],
          [TAG.VER, offer],
          ...(typed ? [TYPE] : []),
        ];
        const taken = new Set([...own.map(([tag]) => tag), TAG.ZZZZ]);
        const message = messageOf(
          framed([...own, ...rest.filter(([tag]) => !taken.has(tag))]),
        );
        agrees(reader, isFramed ? frame(message) : message);
      },
    ),
    { numRuns: 3000, seed: 3 },
  );
});

Deno.test(
  "SlotReader gives one choice for one way to answer, whatever was offered",
  none,
  () => {
    const reader = makeReader();
    const choices = new Set<Choice>();
    const others = KNOWN.filter((code) => code > 1 && code < 0x8000_000c);
    // Every subset is another list; there are more than it remembers.
    for (let subset = 0; subset < 5000; subset++) {
      const offer = others.filter((_, i) => (subset >> (i % 13) & 1) !== 0);
      const versions = [1, ...offer].sort((a, b) => a - b);
      const choice = agrees(reader, framed([NONC, ver(...versions), TYPE]));
      if (choice) choices.add(choice);
    }
    const ways = [...choices].map(({ version, dialect }) =>
      `${version} ${dialect.id}`
    );
    assert.equal(new Set(ways).size, ways.length);
    assert(ways.length <= Object.keys(DIALECTS).length);
  },
);
