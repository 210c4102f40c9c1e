/**
 * Choices that depend on a seed alone.
 *
 * @module
 */

import { seeded } from "../_support/fixtures.ts";

/** Chance with a memory: the same seed gives the same choices. */
export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 3; i++) this.#random();
  }

  /** From 0 up to but not including `below`. */
  int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  /** True that often. */
  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError("Cannot pick from nothing");
    return list[this.int(list.length)] as T;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.int(256));
  }

  shuffle<T>(list: readonly T[]): T[] {
    const rest = [...list];
    const shuffled: T[] = [];
    while (rest.length > 0) {
      shuffled.push(...rest.splice(this.int(rest.length), 1));
    }
    return shuffled;
  }
}
