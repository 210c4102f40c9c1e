// SHA-512's rounds on one message. Written out eight at a time so that a word is renamed
// rather than moved. `w` is the word of the schedule, the round's constant included or added.

import { K, ONE, W_ONE } from "./constants.ts";
import { first, second } from "./scalar.ts";
import * as v from "./vector.ts";

/** A block whose schedule, constants added, lies in a table. */
export function roundsOne(table: usize): void {
  let a: u64 = load<u64>(ONE, 0);
  let b: u64 = load<u64>(ONE, 8);
  let c: u64 = load<u64>(ONE, 16);
  let d: u64 = load<u64>(ONE, 24);
  let e: u64 = load<u64>(ONE, 32);
  let f: u64 = load<u64>(ONE, 40);
  let g: u64 = load<u64>(ONE, 48);
  let h: u64 = load<u64>(ONE, 56);
  let x: u64 = 0, y = b ^ c;
  for (const end = table + 640; table < end; table += 64) {
    h = first(e, f, g, h, load<u64>(table, 0)); d += h; x = a ^ b; h += second(a, b, x, y);
    g = first(d, e, f, g, load<u64>(table, 8)); c += g; y = h ^ a; g += second(h, a, y, x);
    f = first(c, d, e, f, load<u64>(table, 16)); b += f; x = g ^ h; f += second(g, h, x, y);
    e = first(b, c, d, e, load<u64>(table, 24)); a += e; y = f ^ g; e += second(f, g, y, x);
    d = first(a, b, c, d, load<u64>(table, 32)); h += d; x = e ^ f; d += second(e, f, x, y);
    c = first(h, a, b, c, load<u64>(table, 40)); g += c; y = d ^ e; c += second(d, e, y, x);
    b = first(g, h, a, b, load<u64>(table, 48)); f += b; x = c ^ d; b += second(c, d, x, y);
    a = first(f, g, h, a, load<u64>(table, 56)); e += a; y = b ^ c; a += second(b, c, y, x);
  }
  store<u64>(ONE, load<u64>(ONE, 0) + a, 0);
  store<u64>(ONE, load<u64>(ONE, 8) + b, 8);
  store<u64>(ONE, load<u64>(ONE, 16) + c, 16);
  store<u64>(ONE, load<u64>(ONE, 24) + d, 24);
  store<u64>(ONE, load<u64>(ONE, 32) + e, 32);
  store<u64>(ONE, load<u64>(ONE, 40) + f, 40);
  store<u64>(ONE, load<u64>(ONE, 48) + g, 48);
  store<u64>(ONE, load<u64>(ONE, 56) + h, 56);
}

/** The upper word of the one and the lower of the other. */
// @ts-ignore: decorator
@inline
function between(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 1, 2);
}

/** The next two words of the schedule, stored with their constants, from the last eight pairs. */
// @ts-ignore: decorator
@inline
function next(s: v128, t: v128, m: v128, n: v128, z: v128, w: usize, k: usize): v128 {
  const x = v.extend(s, between(s, t), between(m, n), z);
  v128.store(w, v.add(x, v128.load(k)));
  return x;
}

// @ts-ignore: decorator
@inline
function word(block: usize, i: usize): v128 {
  const x = v.swap(v128.load(block + i));
  v128.store(W_ONE + i, v.add(x, v128.load(K + i)));
  return x;
}

/** A block of 128 bytes. */
export function blockOne(block: usize): void {
  let a: u64 = load<u64>(ONE, 0);
  let b: u64 = load<u64>(ONE, 8);
  let c: u64 = load<u64>(ONE, 16);
  let d: u64 = load<u64>(ONE, 24);
  let e: u64 = load<u64>(ONE, 32);
  let f: u64 = load<u64>(ONE, 40);
  let g: u64 = load<u64>(ONE, 48);
  let h: u64 = load<u64>(ONE, 56);
  let x: u64 = 0, y = b ^ c;
  let p0 = word(block, 0);
  let p1 = word(block, 16);
  let p2 = word(block, 32);
  let p3 = word(block, 48);
  let p4 = word(block, 64);
  let p5 = word(block, 80);
  let p6 = word(block, 96);
  let p7 = word(block, 112);
  let w = W_ONE, k = K + 128;
  for (const end = K + 640; k < end; k += 128, w += 128) {
    h = first(e, f, g, h, load<u64>(w, 0)); d += h; x = a ^ b; h += second(a, b, x, y);
    g = first(d, e, f, g, load<u64>(w, 8)); c += g; y = h ^ a; g += second(h, a, y, x);
    p0 = next(p0, p1, p4, p5, p7, w + 128, k + 0);
    f = first(c, d, e, f, load<u64>(w, 16)); b += f; x = g ^ h; f += second(g, h, x, y);
    e = first(b, c, d, e, load<u64>(w, 24)); a += e; y = f ^ g; e += second(f, g, y, x);
    p1 = next(p1, p2, p5, p6, p0, w + 144, k + 16);
    d = first(a, b, c, d, load<u64>(w, 32)); h += d; x = e ^ f; d += second(e, f, x, y);
    c = first(h, a, b, c, load<u64>(w, 40)); g += c; y = d ^ e; c += second(d, e, y, x);
    p2 = next(p2, p3, p6, p7, p1, w + 160, k + 32);
    b = first(g, h, a, b, load<u64>(w, 48)); f += b; x = c ^ d; b += second(c, d, x, y);
    a = first(f, g, h, a, load<u64>(w, 56)); e += a; y = b ^ c; a += second(b, c, y, x);
    p3 = next(p3, p4, p7, p0, p2, w + 176, k + 48);
    h = first(e, f, g, h, load<u64>(w, 64)); d += h; x = a ^ b; h += second(a, b, x, y);
    g = first(d, e, f, g, load<u64>(w, 72)); c += g; y = h ^ a; g += second(h, a, y, x);
    p4 = next(p4, p5, p0, p1, p3, w + 192, k + 64);
    f = first(c, d, e, f, load<u64>(w, 80)); b += f; x = g ^ h; f += second(g, h, x, y);
    e = first(b, c, d, e, load<u64>(w, 88)); a += e; y = f ^ g; e += second(f, g, y, x);
    p5 = next(p5, p6, p1, p2, p4, w + 208, k + 80);
    d = first(a, b, c, d, load<u64>(w, 96)); h += d; x = e ^ f; d += second(e, f, x, y);
    c = first(h, a, b, c, load<u64>(w, 104)); g += c; y = d ^ e; c += second(d, e, y, x);
    p6 = next(p6, p7, p2, p3, p5, w + 224, k + 96);
    b = first(g, h, a, b, load<u64>(w, 112)); f += b; x = c ^ d; b += second(c, d, x, y);
    a = first(f, g, h, a, load<u64>(w, 120)); e += a; y = b ^ c; a += second(b, c, y, x);
    p7 = next(p7, p0, p3, p4, p6, w + 240, k + 112);
  }
  for (const end = W_ONE + 640; w < end; w += 64) {
    h = first(e, f, g, h, load<u64>(w, 0)); d += h; x = a ^ b; h += second(a, b, x, y);
    g = first(d, e, f, g, load<u64>(w, 8)); c += g; y = h ^ a; g += second(h, a, y, x);
    f = first(c, d, e, f, load<u64>(w, 16)); b += f; x = g ^ h; f += second(g, h, x, y);
    e = first(b, c, d, e, load<u64>(w, 24)); a += e; y = f ^ g; e += second(f, g, y, x);
    d = first(a, b, c, d, load<u64>(w, 32)); h += d; x = e ^ f; d += second(e, f, x, y);
    c = first(h, a, b, c, load<u64>(w, 40)); g += c; y = d ^ e; c += second(d, e, y, x);
    b = first(g, h, a, b, load<u64>(w, 48)); f += b; x = c ^ d; b += second(c, d, x, y);
    a = first(f, g, h, a, load<u64>(w, 56)); e += a; y = b ^ c; a += second(b, c, y, x);
  }
  store<u64>(ONE, load<u64>(ONE, 0) + a, 0);
  store<u64>(ONE, load<u64>(ONE, 8) + b, 8);
  store<u64>(ONE, load<u64>(ONE, 16) + c, 16);
  store<u64>(ONE, load<u64>(ONE, 24) + d, 24);
  store<u64>(ONE, load<u64>(ONE, 32) + e, 32);
  store<u64>(ONE, load<u64>(ONE, 40) + f, 40);
  store<u64>(ONE, load<u64>(ONE, 48) + g, 48);
  store<u64>(ONE, load<u64>(ONE, 56) + h, 56);
}
