import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../lib/crypto/bytes.ts";
import { encodeUint32s, writeUint32 } from "../../lib/wire/uint.ts";
import { WireError } from "../../lib/wire/errors.ts";
import {
  type DecodedMessage,
  decodeMessage,
  encodedSize,
  encodeMessage,
  type Entry,
  MAX_MESSAGE_BYTES,
  MAX_TAGS,
  type Message,
  valuePosition,
} from "../../lib/wire/message.ts";
import type { WireFault } from "../../lib/wire/rejection.ts";
import { TAG } from "../../lib/wire/tag.ts";

const uint32 = fc.integer({ min: 0, max: 0xffffffff });

const value = fc.nat(6).chain((words) =>
  fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words })
);

/** Tags and values in no order. */
const entries: fc.Arbitrary<Entry[]> = fc.uniqueArray(fc.tuple(uint32, value), {
  selector: ([tag]) => tag,
  maxLength: MAX_TAGS,
});

function accepted(decoded: DecodedMessage): Message {
  if (!decoded.ok) assert.fail(Deno.inspect(decoded));
  return decoded.message;
}

function refused(bytes: Uint8Array): WireFault {
  const decoded = decodeMessage(bytes);
  if (decoded.ok) assert.fail(Deno.inspect(decoded));
  return decoded.fault;
}

function entriesOf(message: Message): Entry[] {
  return message.tags.map((tag): Entry => [
    tag,
    message.get(tag) as Uint8Array,
  ]);
}

/** Decodes what may be anything; accepted bytes must be the only way to write it. */
function probe(bytes: Uint8Array): void {
  const before = bytes.slice();
  const decoded = decodeMessage(bytes);
  assert.deepEqual(bytes, before);
  if (!decoded.ok) {
    assert(Number.isSafeInteger(decoded.fault.value));
    assert(decoded.fault.index >= 0 && decoded.fault.index < MAX_TAGS);
    return;
  }
  assert.deepEqual(encodeMessage(entriesOf(decoded.message)), bytes);
}

/** Words of a message with three tags; values of 4, 8 and 4 bytes. */
const GOOD: readonly number[] = [
  3,
  4,
  12,
  TAG.SIG,
  TAG.NONC,
  TAG.INDX,
  0x11111111,
  0x22222222,
  0x33333333,
  0x44444444,
];

function withWord(at: number, word: number): Uint8Array {
  return encodeUint32s(GOOD.with(at, word));
}

Deno.test({
  name: "encodeMessage() writes the layout of §4",
  permissions: "none",
  fn: () => {
    const bytes = encodeMessage([
      [TAG.INDX, encodeUint32s([0x44444444])],
      [TAG.SIG, encodeUint32s([0x11111111])],
      [TAG.NONC, encodeUint32s([0x22222222, 0x33333333])],
    ]);
    assert.deepEqual(bytes, encodeUint32s(GOOD));
  },
});

Deno.test({
  name: "decodeMessage() gives back what encodeMessage() was given, sorted",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(entries, (given) => {
      const bytes = encodeMessage(given);
      assert.equal(bytes.length, encodedSize(given));
      const message = accepted(decodeMessage(bytes));
      const sorted = [...given].sort(([a], [b]) => a - b);
      assert.deepEqual(entriesOf(message), sorted);
    }));
  },
});

Deno.test({
  name: "encodeMessage() leaves its argument as it was",
  permissions: "none",
  fn: () => {
    const given: Entry[] = [[2, new Uint8Array(4)], [1, new Uint8Array(0)]];
    encodeMessage(given);
    assert.deepEqual(given.map(([tag]) => tag), [2, 1]);
  },
});

Deno.test({
  name: "encodeMessage() refuses a repeated tag and an unaligned value",
  permissions: "none",
  fn: () => {
    const four = new Uint8Array(4);
    const isValueError = (error: unknown) =>
      error instanceof WireError && error.code === "value";
    for (const tags of [[7, 1, 7], [7, 7], [1, 1, 7], [9, 1, 7, 7], [0, 0]]) {
      const entries = tags.map((tag): Entry => [tag, four]);
      assert.throws(() => encodeMessage(entries), isValueError, tags.join());
    }
    for (const length of [1, 2, 3, 5]) {
      assert.throws(
        () => encodeMessage([[1, new Uint8Array(length)]]),
        isValueError,
      );
    }
  },
});

Deno.test({
  name: "decodeMessage() takes empty values anywhere (§4.1)",
  permissions: "none",
  fn: () => {
    const none = new Uint8Array(0);
    const message = accepted(decodeMessage(encodeMessage([
      [1, none],
      [2, none],
      [3, new Uint8Array(4).fill(3)],
      [4, none],
    ])));
    assert.deepEqual(
      message.tags.map((tag) => message.get(tag)?.length),
      [0, 0, 4, 0],
    );
  },
});

Deno.test({
  name: "decodeMessage() gives views of the received bytes, never copies",
  permissions: "none",
  fn: () => {
    const bytes = concat(new Uint8Array(3), encodeUint32s(GOOD)).subarray(3);
    const message = accepted(decodeMessage(bytes));
    assert.equal(message.bytes, bytes);
    const nonce = message.get(TAG.NONC);
    assert.equal(nonce?.buffer, bytes.buffer);
    assert.deepEqual(nonce, encodeUint32s([0x22222222, 0x33333333]));
    assert(message.has(TAG.NONC));
    assert(!message.has(TAG.VER));
    assert.equal(message.get(TAG.VER), undefined);
  },
});

Deno.test({
  name: "decodeMessage() takes the empty message of Google's protocol alone",
  permissions: "none",
  fn: () => {
    const message = accepted(decodeMessage(new Uint8Array(4)));
    assert.deepEqual(message.tags, []);
    assert.equal(message.get(0), undefined);
    assert.deepEqual(encodeMessage([]), new Uint8Array(4));
    for (const length of [5, 8, 12, 1024]) {
      assert.deepEqual(refused(new Uint8Array(length)), {
        code: "tag-count",
        value: 0,
        index: 0,
      });
    }
  },
});

Deno.test({
  name: "decodeMessage() refuses more tags than any document has",
  permissions: "none",
  fn: () => {
    const many = (count: number) =>
      encodeMessage(
        Array.from({ length: count }, (_, i): Entry => [i, new Uint8Array(4)]),
      );
    assert.equal(accepted(decodeMessage(many(64))).tags.length, 64);
    for (
      const [count, bytes] of [
        [65, many(65)],
        [65, encodeUint32s([65, 0])],
        [0x7fffffff, withWord(0, 0x7fffffff)],
        [0x80000000, withWord(0, 0x80000000)],
        [0xffffffff, withWord(0, 0xffffffff)],
        [0xffffffff, encodeUint32s([0xffffffff])],
      ] as const
    ) {
      assert.deepEqual(refused(bytes), {
        code: "tag-count",
        value: count,
        index: 0,
      });
    }
  },
});

Deno.test({
  name: "decodeMessage() refuses what ends inside its header",
  permissions: "none",
  fn: () => {
    const bytes = encodeUint32s(GOOD);
    for (let length = 0; length < 24; length++) {
      assert.deepEqual(refused(bytes.subarray(0, length)), {
        code: "truncated",
        value: length,
        index: 0,
      });
    }
  },
});

Deno.test({
  name: "decodeMessage() judges a message cut off anywhere by its last value",
  permissions: "none",
  fn: () => {
    const bytes = encodeUint32s(GOOD);
    for (let length = 24; length < 40; length++) {
      const decoded = decodeMessage(bytes.subarray(0, length));
      if (length % 4 !== 0) {
        assert(!decoded.ok);
        assert.equal(decoded.fault.code, "length-unaligned");
        assert.equal(decoded.fault.value, length);
      } else if (length < 36) {
        assert(!decoded.ok);
        assert.equal(decoded.fault.code, "offset-past-end");
        assert.equal(decoded.fault.value, length < 28 ? 4 : 12);
      } else {
        // Nothing says how long the last value should be.
        assert.equal(accepted(decoded).get(TAG.INDX)?.length, 0);
      }
    }
  },
});

Deno.test({
  name: "decodeMessage() refuses a length that is not a multiple of 4",
  permissions: "none",
  fn: () => {
    for (const extra of [1, 2, 3]) {
      const bytes = concat(encodeUint32s(GOOD), new Uint8Array(extra));
      const { code, value } = refused(bytes);
      assert.deepEqual({ code, value }, {
        code: "length-unaligned",
        value: 40 + extra,
      });
    }
  },
});

Deno.test({
  name: "decodeMessage() refuses what no datagram can hold",
  permissions: "none",
  fn: () => {
    const of = (length: number) => {
      const bytes = new Uint8Array(length);
      bytes[0] = 1;
      return bytes;
    };
    assert.equal(MAX_MESSAGE_BYTES, 65535);
    accepted(decodeMessage(of(65532)));
    assert.equal(refused(of(65535)).code, "length-unaligned");
    for (const length of [65536, 65540, 1 << 20]) {
      assert.deepEqual(refused(of(length)), {
        code: "too-long",
        value: length,
        index: 0,
      });
    }
  },
});

Deno.test({
  name: "decodeMessage() names what is wrong with each word of a header (§4)",
  permissions: "none",
  fn: () => {
    const big = 0x7fffffff;
    const max = 0xffffffff;
    const cases: [word: number, to: number, code: string, index?: number][] = [
      [0, 0, "tag-count", 0],
      [0, 1, "ok"],
      [0, big, "tag-count", 0],
      [0, max, "tag-count", 0],
      // Offsets: equal ones are legal, an offset may be where the message ends.
      [1, 0, "ok"],
      [1, 12, "ok"],
      [1, 1, "offset-unaligned", 1],
      [1, 2, "offset-unaligned", 1],
      [1, 3, "offset-unaligned", 1],
      [1, 16, "offset-descending", 2],
      [1, 20, "offset-past-end", 1],
      [1, big - 3, "offset-past-end", 1],
      [1, max - 3, "offset-past-end", 1],
      [1, big, "offset-unaligned", 1],
      [1, max, "offset-unaligned", 1],
      [2, 0, "offset-descending", 2],
      [2, 1, "offset-unaligned", 2],
      [2, 4, "ok"],
      [2, 16, "ok"],
      [2, 20, "offset-past-end", 2],
      [2, big, "offset-unaligned", 2],
      [2, 0x80000000, "offset-past-end", 2],
      [2, max, "offset-unaligned", 2],
      [2, max - 3, "offset-past-end", 2],
      // Tags ascend as unsigned numbers.
      [3, 0, "ok"],
      [3, 1, "ok"],
      [3, big, "tag-order", 1],
      [3, max, "tag-order", 1],
      [3, TAG.NONC, "tag-repeated", 1],
      [4, 0, "tag-order", 1],
      [4, 1, "tag-order", 1],
      [4, big, "tag-order", 2],
      [4, max, "tag-order", 2],
      [4, TAG.SIG, "tag-repeated", 1],
      [4, TAG.INDX, "tag-repeated", 2],
      [5, 0, "tag-order", 2],
      [5, 1, "tag-order", 2],
      [5, big, "ok"],
      [5, 0x80000000, "ok"],
      [5, max, "ok"],
      [5, TAG.NONC, "tag-repeated", 2],
    ];
    for (const [word, to, code, index] of cases) {
      const bytes = withWord(word, to);
      const name = `word ${word} set to ${to}`;
      const decoded = decodeMessage(bytes);
      assert.equal(decoded.ok ? "ok" : decoded.fault.code, code, name);
      if (!decoded.ok) assert.equal(decoded.fault.index, index, name);
      probe(bytes);
    }
  },
});

Deno.test({
  name: "decodeMessage() refuses swapped and doubled tags (§4.1.3)",
  permissions: "none",
  fn: () => {
    const swapped = encodeUint32s(GOOD.with(3, TAG.NONC).with(4, TAG.SIG));
    assert.deepEqual(refused(swapped), {
      code: "tag-order",
      value: TAG.SIG,
      index: 1,
    });
    assert.deepEqual(refused(withWord(5, TAG.NONC)), {
      code: "tag-repeated",
      value: TAG.NONC,
      index: 2,
    });
    // As strings these two ascend, as little-endian numbers they do not.
    const alphabetical = encodeUint32s([2, 0, TAG.CERT, TAG.NONC]);
    assert.equal(refused(alphabetical).code, "tag-order");
  },
});

Deno.test({
  name: "decodeMessage() never throws on random bytes",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), probe));
  },
});

Deno.test({
  name: "decodeMessage() never throws on random headers of plausible size",
  permissions: "none",
  fn: () => {
    const word = fc.oneof(
      uint32,
      fc.nat(16).map((n) => 4 * n),
      fc.constantFrom(...Object.values(TAG)),
    );
    const message = fc.tuple(fc.nat(5), fc.array(word, { maxLength: 24 }))
      .map(([count, words]) => encodeUint32s([count, ...words]));
    fc.assert(fc.property(message, probe), { numRuns: 1000 });
  },
});

Deno.test({
  name: "decodeMessage() never throws on a valid message with mutations",
  permissions: "none",
  fn: () => {
    type Mutation = (bytes: Uint8Array) => Uint8Array;
    const flip = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(
      ([at, mask]): Mutation => (bytes) => {
        if (bytes.length > 0) bytes[at % bytes.length]! ^= mask;
        return bytes;
      },
    );
    const word = fc.tuple(
      fc.nat(),
      fc.oneof(uint32, fc.constantFrom(0, 1, 4, 0x7fffffff, 0xffffffff)),
    ).map(([at, to]): Mutation => (bytes) => {
      const words = Math.floor(bytes.length / 4);
      if (words > 0) writeUint32(bytes, 4 * (at % words), to);
      return bytes;
    });
    const cut = fc.nat(20).map((n): Mutation => (bytes) =>
      bytes.slice(0, Math.max(0, bytes.length - n))
    );
    const grow = fc.uint8Array({ maxLength: 9 }).map(
      (rest): Mutation => (bytes) => concat(bytes, rest),
    );
    const mutations = fc.array(fc.oneof(flip, word, cut, grow), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(entries, mutations, (given, list) => {
        probe(
          list.reduce<Uint8Array>(
            (bytes, mutate) => mutate(bytes),
            encodeMessage(given),
          ),
        );
      }),
      { numRuns: 1000 },
    );
  },
});

Deno.test("valuePosition() tells where each value begins", () => {
  fc.assert(fc.property(entries, uint32, (all, other) => {
    const encoded = encodeMessage(all);
    const { message } = decodeMessage(encoded) as { message: Message };
    for (const [tag, value] of all) {
      const from = valuePosition(encoded, tag);
      assert(from !== undefined);
      const found = encoded.subarray(from, from + value.length);
      assert.deepEqual(found, Uint8Array.from(value));
      // In the same place, not merely the same bytes.
      assert.equal(message.get(tag)?.byteOffset, found.byteOffset);
    }
    if (!all.some(([tag]) => tag === other)) {
      assert.equal(valuePosition(encoded, other), undefined);
    }
  }));
});
