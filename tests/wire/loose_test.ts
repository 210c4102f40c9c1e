import assert from "node:assert/strict";
import {
  encodeLoosely,
  entriesOf,
  put,
  valueIn,
  without,
} from "../../lib/wire/loose.ts";
import {
  decodeMessage,
  encodeMessage,
  type Entry,
} from "../../lib/wire/message.ts";
import { TAG } from "../../lib/wire/tag.ts";

const none = { permissions: "none" } as const;

const ENTRIES: readonly Entry[] = [
  [TAG.SIG, Uint8Array.of(1, 2, 3, 4)],
  [TAG.NONC, new Uint8Array(0)],
  [TAG.INDX, Uint8Array.of(5, 6, 7, 8)],
];

Deno.test(
  "encodeLoosely() writes what encodeMessage() writes, where that writes",
  none,
  () => {
    assert.deepEqual(encodeLoosely(ENTRIES), encodeMessage(ENTRIES));
  },
);

Deno.test(
  "encodeLoosely() keeps the order, repeats and odd lengths",
  none,
  () => {
    const fault = (entries: readonly Entry[]) => {
      const decoded = decodeMessage(encodeLoosely(entries));
      return decoded.ok ? "none" : decoded.fault.code;
    };
    assert.equal(fault([...ENTRIES].reverse()), "tag-order");
    assert.equal(fault([ENTRIES[0]!, ...ENTRIES]), "tag-repeated");
    assert.equal(fault([[TAG.SIG, new Uint8Array(3)]]), "length-unaligned");
  },
);

Deno.test(
  "entriesOf() gives back what was encoded, and refuses what is no message",
  none,
  () => {
    assert.deepEqual(entriesOf(encodeMessage(ENTRIES)), ENTRIES);
    assert.throws(
      () => entriesOf(new Uint8Array(3)),
      /Cannot take message apart/,
    );
  },
);

Deno.test("put(), without() and valueIn() find tags by number", none, () => {
  const value = Uint8Array.of(9, 9, 9, 9);
  assert.deepEqual(valueIn(put(ENTRIES, TAG.SIG, value), TAG.SIG), value);
  assert.equal(put(ENTRIES, TAG.SIG, value).length, 3);
  assert.equal(put(ENTRIES, TAG.PATH, value).length, 4);
  assert.deepEqual(without(ENTRIES, TAG.SIG, TAG.INDX), [ENTRIES[1]]);
  assert.equal(valueIn(without(ENTRIES, TAG.SIG), TAG.SIG), undefined);
});
