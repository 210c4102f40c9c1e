// SHA-512's rounds on three messages: two in vectors, the third in ordinary registers, which
// the processor works on at the same time. Small letters are the one, capitals the two.

import { K, ONE, TWO, W_ONE, W_TWO } from "./constants.ts";
import * as s from "./scalar.ts";
import { extendTwo, loadTwo, wordTwo } from "./two.ts";
import * as v from "./vector.ts";

/** A block of all three whose schedule, constants added, is the same and lies in a table. */
export function roundsThree(table: usize): void {
  let a: u64 = load<u64>(ONE, 0);
  let b: u64 = load<u64>(ONE, 8);
  let c: u64 = load<u64>(ONE, 16);
  let d: u64 = load<u64>(ONE, 24);
  let e: u64 = load<u64>(ONE, 32);
  let f: u64 = load<u64>(ONE, 40);
  let g: u64 = load<u64>(ONE, 48);
  let h: u64 = load<u64>(ONE, 56);
  let A = v128.load(TWO, 0);
  let B = v128.load(TWO, 16);
  let C = v128.load(TWO, 32);
  let D = v128.load(TWO, 48);
  let E = v128.load(TWO, 64);
  let F = v128.load(TWO, 80);
  let G = v128.load(TWO, 96);
  let H = v128.load(TWO, 112);
  let x: u64 = 0, y = b ^ c, X = A, Y = v.xor(B, C);
  for (const end = table + 640; table < end; table += 64) {
    h = s.first(e, f, g, h, load<u64>(table, 0)); d += h; x = a ^ b; h += s.second(a, b, x, y);
    H = v.first(E, F, G, H, v128.load64_splat(table, 0)); D = v.add(D, H); X = v.xor(A, B); H = v.add(H, v.second(A, B, X, Y));
    g = s.first(d, e, f, g, load<u64>(table, 8)); c += g; y = h ^ a; g += s.second(h, a, y, x);
    G = v.first(D, E, F, G, v128.load64_splat(table, 8)); C = v.add(C, G); Y = v.xor(H, A); G = v.add(G, v.second(H, A, Y, X));
    f = s.first(c, d, e, f, load<u64>(table, 16)); b += f; x = g ^ h; f += s.second(g, h, x, y);
    F = v.first(C, D, E, F, v128.load64_splat(table, 16)); B = v.add(B, F); X = v.xor(G, H); F = v.add(F, v.second(G, H, X, Y));
    e = s.first(b, c, d, e, load<u64>(table, 24)); a += e; y = f ^ g; e += s.second(f, g, y, x);
    E = v.first(B, C, D, E, v128.load64_splat(table, 24)); A = v.add(A, E); Y = v.xor(F, G); E = v.add(E, v.second(F, G, Y, X));
    d = s.first(a, b, c, d, load<u64>(table, 32)); h += d; x = e ^ f; d += s.second(e, f, x, y);
    D = v.first(A, B, C, D, v128.load64_splat(table, 32)); H = v.add(H, D); X = v.xor(E, F); D = v.add(D, v.second(E, F, X, Y));
    c = s.first(h, a, b, c, load<u64>(table, 40)); g += c; y = d ^ e; c += s.second(d, e, y, x);
    C = v.first(H, A, B, C, v128.load64_splat(table, 40)); G = v.add(G, C); Y = v.xor(D, E); C = v.add(C, v.second(D, E, Y, X));
    b = s.first(g, h, a, b, load<u64>(table, 48)); f += b; x = c ^ d; b += s.second(c, d, x, y);
    B = v.first(G, H, A, B, v128.load64_splat(table, 48)); F = v.add(F, B); X = v.xor(C, D); B = v.add(B, v.second(C, D, X, Y));
    a = s.first(f, g, h, a, load<u64>(table, 56)); e += a; y = b ^ c; a += s.second(b, c, y, x);
    A = v.first(F, G, H, A, v128.load64_splat(table, 56)); E = v.add(E, A); Y = v.xor(B, C); A = v.add(A, v.second(B, C, Y, X));
  }
  store<u64>(ONE, load<u64>(ONE, 0) + a, 0);
  store<u64>(ONE, load<u64>(ONE, 8) + b, 8);
  store<u64>(ONE, load<u64>(ONE, 16) + c, 16);
  store<u64>(ONE, load<u64>(ONE, 24) + d, 24);
  store<u64>(ONE, load<u64>(ONE, 32) + e, 32);
  store<u64>(ONE, load<u64>(ONE, 40) + f, 40);
  store<u64>(ONE, load<u64>(ONE, 48) + g, 48);
  store<u64>(ONE, load<u64>(ONE, 56) + h, 56);
  v128.store(TWO, v.add(v128.load(TWO, 0), A), 0);
  v128.store(TWO, v.add(v128.load(TWO, 16), B), 16);
  v128.store(TWO, v.add(v128.load(TWO, 32), C), 32);
  v128.store(TWO, v.add(v128.load(TWO, 48), D), 48);
  v128.store(TWO, v.add(v128.load(TWO, 64), E), 64);
  v128.store(TWO, v.add(v128.load(TWO, 80), F), 80);
  v128.store(TWO, v.add(v128.load(TWO, 96), G), 96);
  v128.store(TWO, v.add(v128.load(TWO, 112), H), 112);
}

// @ts-ignore: decorator
@inline
function wordOne(w: usize, k: usize): u64 {
  return load<u64>(w) + load<u64>(k);
}

/** Makes the two words of the third message's schedule 16 further on. */
// @ts-ignore: decorator
@inline
function extendOne(w: usize): void {
  v128.store(w, v.extend(v128.load(w), v128.load(w, 8), v128.load(w, 72), v128.load(w, 112)), 128);
}

/** A block of each: the two, and the one. */
export function blockThree(left: usize, right: usize, block: usize): void {
  loadTwo(left, right);
  for (let i: usize = 0; i < 128; i += 16) v128.store(W_ONE + i, v.swap(v128.load(block + i)));
  let a: u64 = load<u64>(ONE, 0);
  let b: u64 = load<u64>(ONE, 8);
  let c: u64 = load<u64>(ONE, 16);
  let d: u64 = load<u64>(ONE, 24);
  let e: u64 = load<u64>(ONE, 32);
  let f: u64 = load<u64>(ONE, 40);
  let g: u64 = load<u64>(ONE, 48);
  let h: u64 = load<u64>(ONE, 56);
  let A = v128.load(TWO, 0);
  let B = v128.load(TWO, 16);
  let C = v128.load(TWO, 32);
  let D = v128.load(TWO, 48);
  let E = v128.load(TWO, 64);
  let F = v128.load(TWO, 80);
  let G = v128.load(TWO, 96);
  let H = v128.load(TWO, 112);
  let x: u64 = 0, y = b ^ c, X = A, Y = v.xor(B, C);
  let w = W_ONE, W = W_TWO, k = K;
  for (const end = K + 512; k < end; k += 64, w += 64, W += 128) {
    h = s.first(e, f, g, h, wordOne(w + 0, k + 0)); d += h; x = a ^ b; h += s.second(a, b, x, y);
    H = v.first(E, F, G, H, wordTwo(W + 0, k + 0)); D = v.add(D, H); X = v.xor(A, B); H = v.add(H, v.second(A, B, X, Y)); extendTwo(W + 0);
    g = s.first(d, e, f, g, wordOne(w + 8, k + 8)); c += g; y = h ^ a; g += s.second(h, a, y, x);
    G = v.first(D, E, F, G, wordTwo(W + 16, k + 8)); C = v.add(C, G); Y = v.xor(H, A); G = v.add(G, v.second(H, A, Y, X)); extendTwo(W + 16);
    extendOne(w + 0);
    f = s.first(c, d, e, f, wordOne(w + 16, k + 16)); b += f; x = g ^ h; f += s.second(g, h, x, y);
    F = v.first(C, D, E, F, wordTwo(W + 32, k + 16)); B = v.add(B, F); X = v.xor(G, H); F = v.add(F, v.second(G, H, X, Y)); extendTwo(W + 32);
    e = s.first(b, c, d, e, wordOne(w + 24, k + 24)); a += e; y = f ^ g; e += s.second(f, g, y, x);
    E = v.first(B, C, D, E, wordTwo(W + 48, k + 24)); A = v.add(A, E); Y = v.xor(F, G); E = v.add(E, v.second(F, G, Y, X)); extendTwo(W + 48);
    extendOne(w + 16);
    d = s.first(a, b, c, d, wordOne(w + 32, k + 32)); h += d; x = e ^ f; d += s.second(e, f, x, y);
    D = v.first(A, B, C, D, wordTwo(W + 64, k + 32)); H = v.add(H, D); X = v.xor(E, F); D = v.add(D, v.second(E, F, X, Y)); extendTwo(W + 64);
    c = s.first(h, a, b, c, wordOne(w + 40, k + 40)); g += c; y = d ^ e; c += s.second(d, e, y, x);
    C = v.first(H, A, B, C, wordTwo(W + 80, k + 40)); G = v.add(G, C); Y = v.xor(D, E); C = v.add(C, v.second(D, E, Y, X)); extendTwo(W + 80);
    extendOne(w + 32);
    b = s.first(g, h, a, b, wordOne(w + 48, k + 48)); f += b; x = c ^ d; b += s.second(c, d, x, y);
    B = v.first(G, H, A, B, wordTwo(W + 96, k + 48)); F = v.add(F, B); X = v.xor(C, D); B = v.add(B, v.second(C, D, X, Y)); extendTwo(W + 96);
    a = s.first(f, g, h, a, wordOne(w + 56, k + 56)); e += a; y = b ^ c; a += s.second(b, c, y, x);
    A = v.first(F, G, H, A, wordTwo(W + 112, k + 56)); E = v.add(E, A); Y = v.xor(B, C); A = v.add(A, v.second(B, C, Y, X)); extendTwo(W + 112);
    extendOne(w + 48);
  }
  for (const end = K + 640; k < end; k += 64, w += 64, W += 128) {
    h = s.first(e, f, g, h, wordOne(w + 0, k + 0)); d += h; x = a ^ b; h += s.second(a, b, x, y);
    H = v.first(E, F, G, H, wordTwo(W + 0, k + 0)); D = v.add(D, H); X = v.xor(A, B); H = v.add(H, v.second(A, B, X, Y));
    g = s.first(d, e, f, g, wordOne(w + 8, k + 8)); c += g; y = h ^ a; g += s.second(h, a, y, x);
    G = v.first(D, E, F, G, wordTwo(W + 16, k + 8)); C = v.add(C, G); Y = v.xor(H, A); G = v.add(G, v.second(H, A, Y, X));
    f = s.first(c, d, e, f, wordOne(w + 16, k + 16)); b += f; x = g ^ h; f += s.second(g, h, x, y);
    F = v.first(C, D, E, F, wordTwo(W + 32, k + 16)); B = v.add(B, F); X = v.xor(G, H); F = v.add(F, v.second(G, H, X, Y));
    e = s.first(b, c, d, e, wordOne(w + 24, k + 24)); a += e; y = f ^ g; e += s.second(f, g, y, x);
    E = v.first(B, C, D, E, wordTwo(W + 48, k + 24)); A = v.add(A, E); Y = v.xor(F, G); E = v.add(E, v.second(F, G, Y, X));
    d = s.first(a, b, c, d, wordOne(w + 32, k + 32)); h += d; x = e ^ f; d += s.second(e, f, x, y);
    D = v.first(A, B, C, D, wordTwo(W + 64, k + 32)); H = v.add(H, D); X = v.xor(E, F); D = v.add(D, v.second(E, F, X, Y));
    c = s.first(h, a, b, c, wordOne(w + 40, k + 40)); g += c; y = d ^ e; c += s.second(d, e, y, x);
    C = v.first(H, A, B, C, wordTwo(W + 80, k + 40)); G = v.add(G, C); Y = v.xor(D, E); C = v.add(C, v.second(D, E, Y, X));
    b = s.first(g, h, a, b, wordOne(w + 48, k + 48)); f += b; x = c ^ d; b += s.second(c, d, x, y);
    B = v.first(G, H, A, B, wordTwo(W + 96, k + 48)); F = v.add(F, B); X = v.xor(C, D); B = v.add(B, v.second(C, D, X, Y));
    a = s.first(f, g, h, a, wordOne(w + 56, k + 56)); e += a; y = b ^ c; a += s.second(b, c, y, x);
    A = v.first(F, G, H, A, wordTwo(W + 112, k + 56)); E = v.add(E, A); Y = v.xor(B, C); A = v.add(A, v.second(B, C, Y, X));
  }
  store<u64>(ONE, load<u64>(ONE, 0) + a, 0);
  store<u64>(ONE, load<u64>(ONE, 8) + b, 8);
  store<u64>(ONE, load<u64>(ONE, 16) + c, 16);
  store<u64>(ONE, load<u64>(ONE, 24) + d, 24);
  store<u64>(ONE, load<u64>(ONE, 32) + e, 32);
  store<u64>(ONE, load<u64>(ONE, 40) + f, 40);
  store<u64>(ONE, load<u64>(ONE, 48) + g, 48);
  store<u64>(ONE, load<u64>(ONE, 56) + h, 56);
  v128.store(TWO, v.add(v128.load(TWO, 0), A), 0);
  v128.store(TWO, v.add(v128.load(TWO, 16), B), 16);
  v128.store(TWO, v.add(v128.load(TWO, 32), C), 32);
  v128.store(TWO, v.add(v128.load(TWO, 48), D), 48);
  v128.store(TWO, v.add(v128.load(TWO, 64), E), 64);
  v128.store(TWO, v.add(v128.load(TWO, 80), F), 80);
  v128.store(TWO, v.add(v128.load(TWO, 96), G), 96);
  v128.store(TWO, v.add(v128.load(TWO, 112), H), 112);
}
