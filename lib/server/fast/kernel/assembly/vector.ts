// Two 64-bit words at once, one from each of two messages. Everything here is inlined.

// @ts-ignore: decorator
@inline
export function add(a: v128, b: v128): v128 {
  return i64x2.add(a, b);
}

// @ts-ignore: decorator
@inline
export function xor(a: v128, b: v128): v128 {
  return v128.xor(a, b);
}

// There is no rotation of vectors: two shifts each, and all six joined in a tree because
// the chain through here is what a round waits for.

// @ts-ignore: decorator
@inline
function rotate(x: v128, bits: i32): v128 {
  return xor(i64x2.shr_u(x, bits), i64x2.shl(x, 64 - bits));
}

// @ts-ignore: decorator
@inline
function choose(e: v128, f: v128, g: v128): v128 {
  return xor(v128.and(xor(f, g), e), g);
}

/** What a round adds to `h` and `d`. */
// @ts-ignore: decorator
@inline
export function first(e: v128, f: v128, g: v128, h: v128, w: v128): v128 {
  const sum = xor(xor(rotate(e, 14), rotate(e, 18)), rotate(e, 41));
  return add(add(add(h, w), choose(e, f, g)), sum);
}

/** What a round adds to `h` alone; `ab` is a ^ b, and `bc`, b ^ c, was the round before's. */
// @ts-ignore: decorator
@inline
export function second(a: v128, b: v128, ab: v128, bc: v128): v128 {
  const sum = xor(xor(rotate(a, 28), rotate(a, 34)), rotate(a, 39));
  return add(sum, xor(v128.and(ab, bc), b));
}

// @ts-ignore: decorator
@inline
function sigma0(x: v128): v128 {
  // Eight bits are a byte: one shuffle instead of two shifts.
  const by8 = i8x16.shuffle(x, x, 1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 8);
  return xor(xor(rotate(x, 1), by8), i64x2.shr_u(x, 7));
}

// @ts-ignore: decorator
@inline
function sigma1(x: v128): v128 {
  return xor(xor(rotate(x, 19), rotate(x, 61)), i64x2.shr_u(x, 6));
}

/** A word of the message schedule from those 16, 15, 7 and 2 before it. */
// @ts-ignore: decorator
@inline
export function extend(w16: v128, w15: v128, w7: v128, w2: v128): v128 {
  return add(add(add(w16, w7), sigma0(w15)), sigma1(w2));
}

/** Both words from big-endian bytes, or to them. */
// @ts-ignore: decorator
@inline
export function swap(x: v128): v128 {
  return i8x16.shuffle(x, x, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
}

/** The lower words of both. */
// @ts-ignore: decorator
@inline
export function lower(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 0, 2);
}

/** The upper words of both. */
// @ts-ignore: decorator
@inline
export function upper(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 1, 3);
}
