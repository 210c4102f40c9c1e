// SHA-512's rounds on two messages, word by word side by side in vectors.

import { K, TWO, W_TWO } from "./constants.ts";
import * as v from "./vector.ts";

/** A block of both whose schedule, constants added, is the same and lies in a table. */
export function roundsTwo(table: usize): void {
  let a = v128.load(TWO, 0);
  let b = v128.load(TWO, 16);
  let c = v128.load(TWO, 32);
  let d = v128.load(TWO, 48);
  let e = v128.load(TWO, 64);
  let f = v128.load(TWO, 80);
  let g = v128.load(TWO, 96);
  let h = v128.load(TWO, 112);
  let x = a, y = v.xor(b, c);
  for (const end = table + 640; table < end; table += 64) {
    h = v.first(e, f, g, h, v128.load64_splat(table, 0)); d = v.add(d, h); x = v.xor(a, b); h = v.add(h, v.second(a, b, x, y));
    g = v.first(d, e, f, g, v128.load64_splat(table, 8)); c = v.add(c, g); y = v.xor(h, a); g = v.add(g, v.second(h, a, y, x));
    f = v.first(c, d, e, f, v128.load64_splat(table, 16)); b = v.add(b, f); x = v.xor(g, h); f = v.add(f, v.second(g, h, x, y));
    e = v.first(b, c, d, e, v128.load64_splat(table, 24)); a = v.add(a, e); y = v.xor(f, g); e = v.add(e, v.second(f, g, y, x));
    d = v.first(a, b, c, d, v128.load64_splat(table, 32)); h = v.add(h, d); x = v.xor(e, f); d = v.add(d, v.second(e, f, x, y));
    c = v.first(h, a, b, c, v128.load64_splat(table, 40)); g = v.add(g, c); y = v.xor(d, e); c = v.add(c, v.second(d, e, y, x));
    b = v.first(g, h, a, b, v128.load64_splat(table, 48)); f = v.add(f, b); x = v.xor(c, d); b = v.add(b, v.second(c, d, x, y));
    a = v.first(f, g, h, a, v128.load64_splat(table, 56)); e = v.add(e, a); y = v.xor(b, c); a = v.add(a, v.second(b, c, y, x));
  }
  v128.store(TWO, v.add(v128.load(TWO, 0), a), 0);
  v128.store(TWO, v.add(v128.load(TWO, 16), b), 16);
  v128.store(TWO, v.add(v128.load(TWO, 32), c), 32);
  v128.store(TWO, v.add(v128.load(TWO, 48), d), 48);
  v128.store(TWO, v.add(v128.load(TWO, 64), e), 64);
  v128.store(TWO, v.add(v128.load(TWO, 80), f), 80);
  v128.store(TWO, v.add(v128.load(TWO, 96), g), 96);
  v128.store(TWO, v.add(v128.load(TWO, 112), h), 112);
}

/** The first 16 words of the schedule. */
export function loadTwo(left: usize, right: usize): void {
  for (let i: usize = 0; i < 128; i += 16) {
    const l = v128.load(left + i), r = v128.load(right + i);
    v128.store(W_TWO + 2 * i, v.swap(v.lower(l, r)));
    v128.store(W_TWO + 2 * i, v.swap(v.upper(l, r)), 16);
  }
}

/** Makes the word of the schedule 16 further on. */
// @ts-ignore: decorator
@inline
export function extendTwo(w: usize): void {
  v128.store(w, v.extend(v128.load(w), v128.load(w, 16), v128.load(w, 144), v128.load(w, 224)), 256);
}

/** A word of the schedule with its constant. */
// @ts-ignore: decorator
@inline
export function wordTwo(w: usize, k: usize): v128 {
  return v.add(v128.load(w), v128.load64_splat(k));
}

/** A block of each. */
export function blockTwo(left: usize, right: usize): void {
  loadTwo(left, right);
  let a = v128.load(TWO, 0);
  let b = v128.load(TWO, 16);
  let c = v128.load(TWO, 32);
  let d = v128.load(TWO, 48);
  let e = v128.load(TWO, 64);
  let f = v128.load(TWO, 80);
  let g = v128.load(TWO, 96);
  let h = v128.load(TWO, 112);
  let x = a, y = v.xor(b, c);
  let w = W_TWO, k = K;
  for (const end = K + 512; k < end; k += 64, w += 128) {
    h = v.first(e, f, g, h, wordTwo(w + 0, k + 0)); d = v.add(d, h); x = v.xor(a, b); h = v.add(h, v.second(a, b, x, y)); extendTwo(w + 0);
    g = v.first(d, e, f, g, wordTwo(w + 16, k + 8)); c = v.add(c, g); y = v.xor(h, a); g = v.add(g, v.second(h, a, y, x)); extendTwo(w + 16);
    f = v.first(c, d, e, f, wordTwo(w + 32, k + 16)); b = v.add(b, f); x = v.xor(g, h); f = v.add(f, v.second(g, h, x, y)); extendTwo(w + 32);
    e = v.first(b, c, d, e, wordTwo(w + 48, k + 24)); a = v.add(a, e); y = v.xor(f, g); e = v.add(e, v.second(f, g, y, x)); extendTwo(w + 48);
    d = v.first(a, b, c, d, wordTwo(w + 64, k + 32)); h = v.add(h, d); x = v.xor(e, f); d = v.add(d, v.second(e, f, x, y)); extendTwo(w + 64);
    c = v.first(h, a, b, c, wordTwo(w + 80, k + 40)); g = v.add(g, c); y = v.xor(d, e); c = v.add(c, v.second(d, e, y, x)); extendTwo(w + 80);
    b = v.first(g, h, a, b, wordTwo(w + 96, k + 48)); f = v.add(f, b); x = v.xor(c, d); b = v.add(b, v.second(c, d, x, y)); extendTwo(w + 96);
    a = v.first(f, g, h, a, wordTwo(w + 112, k + 56)); e = v.add(e, a); y = v.xor(b, c); a = v.add(a, v.second(b, c, y, x)); extendTwo(w + 112);
  }
  for (const end = K + 640; k < end; k += 64, w += 128) {
    h = v.first(e, f, g, h, wordTwo(w + 0, k + 0)); d = v.add(d, h); x = v.xor(a, b); h = v.add(h, v.second(a, b, x, y));
    g = v.first(d, e, f, g, wordTwo(w + 16, k + 8)); c = v.add(c, g); y = v.xor(h, a); g = v.add(g, v.second(h, a, y, x));
    f = v.first(c, d, e, f, wordTwo(w + 32, k + 16)); b = v.add(b, f); x = v.xor(g, h); f = v.add(f, v.second(g, h, x, y));
    e = v.first(b, c, d, e, wordTwo(w + 48, k + 24)); a = v.add(a, e); y = v.xor(f, g); e = v.add(e, v.second(f, g, y, x));
    d = v.first(a, b, c, d, wordTwo(w + 64, k + 32)); h = v.add(h, d); x = v.xor(e, f); d = v.add(d, v.second(e, f, x, y));
    c = v.first(h, a, b, c, wordTwo(w + 80, k + 40)); g = v.add(g, c); y = v.xor(d, e); c = v.add(c, v.second(d, e, y, x));
    b = v.first(g, h, a, b, wordTwo(w + 96, k + 48)); f = v.add(f, b); x = v.xor(c, d); b = v.add(b, v.second(c, d, x, y));
    a = v.first(f, g, h, a, wordTwo(w + 112, k + 56)); e = v.add(e, a); y = v.xor(b, c); a = v.add(a, v.second(b, c, y, x));
  }
  v128.store(TWO, v.add(v128.load(TWO, 0), a), 0);
  v128.store(TWO, v.add(v128.load(TWO, 16), b), 16);
  v128.store(TWO, v.add(v128.load(TWO, 32), c), 32);
  v128.store(TWO, v.add(v128.load(TWO, 48), d), 48);
  v128.store(TWO, v.add(v128.load(TWO, 64), e), 64);
  v128.store(TWO, v.add(v128.load(TWO, 80), f), 80);
  v128.store(TWO, v.add(v128.load(TWO, 96), g), 96);
  v128.store(TWO, v.add(v128.load(TWO, 112), h), 112);
}
