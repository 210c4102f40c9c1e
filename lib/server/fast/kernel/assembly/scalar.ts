// One 64-bit word. Everything here is inlined.

/** What a round adds to `h` and `d`. */
// @ts-ignore: decorator
@inline
export function first(e: u64, f: u64, g: u64, h: u64, w: u64): u64 {
  // Three rotations side by side: nested they would be fewer instructions but a longer chain.
  return h + (w + (((f ^ g) & e) ^ g) + (rotr(e, 14) ^ rotr(e, 18) ^ rotr(e, 41)));
}

/** What a round adds to `h` alone; `ab` is a ^ b, and `bc`, b ^ c, was the round before's. */
// @ts-ignore: decorator
@inline
export function second(a: u64, b: u64, ab: u64, bc: u64): u64 {
  return (rotr(a, 28) ^ rotr(a, 34) ^ rotr(a, 39)) + ((ab & bc) ^ b);
}

/** A word of the message schedule from those 16, 15, 7 and 2 before it. */
// @ts-ignore: decorator
@inline
export function extend(w16: u64, w15: u64, w7: u64, w2: u64): u64 {
  return w16 + (rotr(w15, 1) ^ rotr(w15, 8) ^ (w15 >> 7)) + w7 +
    (rotr(w2, 19) ^ rotr(w2, 61) ^ (w2 >> 6));
}
