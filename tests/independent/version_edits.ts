/**
 * Edits of what is offered, and of what the reply says it is.
 *
 * @module
 */

import { ALIASES, DIALECTS, TAG } from "../../wire.ts";
import { ALL, contextsOf, drop, put } from "../_support/fixtures.ts";
import { type Edits, setNonce, vary } from "./edit.ts";
import { type Parts, uint32, uint32sOf, valueIn } from "./parts.ts";
import { moveMidpoint, openWindow } from "./time_edits.ts";

/** Numbers worth naming in VER and VERS. */
const NUMBERS: readonly number[] = [
  ...ALL.map(({ code }) => code),
  ...ALIASES,
  ...[0, 2, 0x7fffffff, 0x80000000, 0x80000014, 0x90000001, 0xffffffff],
];

/** Drafts 01 to 11, whose version anybody can rewrite. */
const UNSIGNED = ALL.filter(({ versionEcho }) => versionEcho === "top");

function offer(parts: Parts): number[] {
  return uint32sOf(valueIn(parts.entries.request, TAG.VER) ?? uint32());
}

function setOffer(parts: Parts, numbers: readonly number[]): void {
  parts.entries.request = put(
    parts.entries.request,
    TAG.VER,
    uint32(...numbers),
  );
}

/** Offers a number too, in the order that later drafts demand. */
function alsoOffer(parts: Parts, number: number): void {
  const numbers = new Set([...offer(parts), number]);
  setOffer(parts, [...numbers].sort((a, b) => a - b));
}

/** Edits of versions and types. */
export const VERSION_EDITS: Edits = {
  "TYPE of the request": ({ entries }, { dice }) => {
    const good = uint32(dice.pick([0, 0, 1, 0x100]));
    entries.request = vary(entries.request, TAG.TYPE, good, dice);
  },
  "TYPE of the reply": ({ entries }, { dice }) => {
    const good = uint32(dice.pick([1, 1, 0, 0x101]));
    entries.top = vary(entries.top, TAG.TYPE, good, dice);
  },
  "another offer": (parts, { dice }) => {
    const numbers = offer(parts);
    switch (dice.int(7)) {
      case 0:
        return setOffer(parts, dice.shuffle(numbers));
      case 1:
        return setOffer(parts, [...numbers, ...numbers]);
      case 2:
        return alsoOffer(parts, dice.pick(NUMBERS));
      case 3:
        return setOffer(parts, [...numbers, dice.pick(NUMBERS)]);
      case 4:
        return setOffer(parts, [dice.pick(NUMBERS)]);
      case 5: {
        const more = Array.from({ length: 30 + dice.int(5) }, (_, i) => 2 + i);
        return setOffer(parts, [...more, ...numbers].slice(-33 + dice.int(3)));
      }
      default:
        parts.entries.request = vary(
          parts.entries.request,
          TAG.VER,
          uint32(),
          dice,
        );
    }
  },
  "relabel the version": (parts, { dice }) => {
    const number = dice.pick(NUMBERS);
    if (dice.chance(0.8)) alsoOffer(parts, number);
    const name = parts.dialect.versionEcho === "srep" ? "srep" : "top";
    parts.entries[name] = put(parts.entries[name], TAG.VER, uint32(number));
    if (name === "srep" && dice.chance(0.7)) {
      const versions = [...new Set([parts.dialect.code, number])];
      const list = uint32(...versions.sort((a, b) => a - b));
      parts.entries.srep = put(parts.entries.srep, TAG.VERS, list);
    }
  },
  "another number on top of the signed one": (parts, { dice }) => {
    const number = dice.pick(NUMBERS);
    if (dice.chance(0.8)) alsoOffer(parts, number);
    const { entries } = parts;
    entries.top = vary(entries.top, TAG.VER, uint32(number), dice);
    if (!dice.chance(0.3)) return;
    // And servers of old versions that sign one as well.
    const signed = uint32(dice.pick(NUMBERS));
    entries.srep = vary(entries.srep, TAG.VER, signed, dice);
  },
  "relabel an unsigned version": (parts, { dice }) => {
    if (parts.dialect.versionEcho !== "top") return;
    const target = dice.pick(UNSIGNED);
    alsoOffer(parts, target.code);
    const { entries } = parts;
    entries.top = put(entries.top, TAG.VER, uint32(target.code));
    if (dice.chance(0.3)) entries.top = drop(entries.top, TAG.NONC);
    if (target.nonceSize === parts.dialect.nonceSize || dice.chance(0.5)) {
      return;
    }
    setNonce(parts, dice.bytes(target.nonceSize));
  },
  "relabel and sign as that": (parts, { dice }) => {
    if (parts.dialect.versionEcho === "none") return;
    const target = dice.pick(UNSIGNED);
    const { entries } = parts;
    parts.dialect = target;
    parts.contexts = contextsOf(target);
    alsoOffer(parts, target.code);
    entries.top = put(entries.top, TAG.VER, uint32(target.code));
    setNonce(parts, dice.bytes(target.nonceSize));
    if (target.nonceEcho === "srep") {
      const nonce = valueIn(entries.request, TAG.NONC) ?? new Uint8Array(0);
      entries.srep = put(entries.srep, TAG.NONC, nonce);
    }
    if (dice.chance(0.3)) entries.top = drop(entries.top, TAG.NONC);
    if (dice.chance(0.5)) openWindow(parts);
    if (dice.chance(0.3)) moveMidpoint(parts, dice);
  },
  "without a version, as Google's": (parts, { dice }) => {
    const { entries, framed } = parts;
    parts.dialect = DIALECTS.google;
    parts.contexts = contextsOf(parts.dialect);
    framed.request = framed.reply = false;
    if (dice.chance(0.5)) {
      entries.request = drop(entries.request, TAG.VER, TAG.TYPE);
    }
    entries.top = put(entries.top, TAG.PATH, new Uint8Array(0));
    entries.top = put(entries.top, TAG.INDX, uint32(0));
    entries.srep = put(entries.srep, TAG.ROOT, new Uint8Array(64));
    setNonce(parts, dice.bytes(dice.pick([64, 64, 32])));
    if (dice.chance(0.5)) openWindow(parts);
  },
  "two versions": (parts, { dice }) => {
    const { entries } = parts;
    const inside = dice.pick(NUMBERS);
    const outside = dice.pick(NUMBERS);
    const own = parts.dialect.versionEcho;
    if (own !== "top") {
      const value = dice.chance(0.8)
        ? uint32(outside)
        : new Uint8Array(4 * dice.int(3));
      entries.top = put(entries.top, TAG.VER, value);
    }
    if (own !== "srep") {
      entries.srep = put(entries.srep, TAG.VER, uint32(inside));
      const list = [...new Set([0, inside])];
      entries.srep = put(entries.srep, TAG.VERS, uint32(...list));
    }
    if (dice.chance(0.5)) alsoOffer(parts, inside);
    if (dice.chance(0.3)) alsoOffer(parts, outside);
  },
  "VERS": (parts, { dice }) => {
    const own = uint32sOf(valueIn(parts.entries.srep, TAG.VER) ?? uint32());
    const many = Array.from({ length: 29 + dice.int(5) }, (_, i) => 2 + i);
    const lists: readonly number[][] = [
      [],
      own,
      [...own, ...own],
      [0, ...own],
      [...own, 0],
      [...own, 0xffffffff],
      dice.shuffle([...own, dice.pick(NUMBERS)]),
      [dice.pick(NUMBERS)],
      [...many, ...own],
    ];
    const value = uint32(...dice.pick(lists));
    parts.entries.srep = vary(parts.entries.srep, TAG.VERS, value, dice);
  },
};
