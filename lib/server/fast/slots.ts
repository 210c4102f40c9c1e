/**
 * Where a batch of requests lies while it is answered, and where its replies are put.
 *
 * @module
 */

import type { DropReason } from "../drop_reason.ts";
import { createKernel, type Kernel } from "./kernel/instance.ts";
import {
  inputOffset,
  OUTPUT_BYTES,
  outputOffset,
  SLOTS,
} from "./kernel/layout.ts";

/** One slot for each request, one for each reply, in the kernel's memory. */
export class Slots {
  /** Holds requests and replies. */
  readonly kernel: Kernel = createKernel();
  /** To be set before a call: the length of the request in each slot. */
  readonly lengths: Uint32Array = new Uint32Array(SLOTS);
  /** After a call: the length of the reply in each output slot, 0 where there is none. */
  readonly replyLengths: Uint32Array = new Uint32Array(SLOTS);
  /** After a call: why there is no reply, where there is none. */
  readonly drops: (DropReason | undefined)[] = new Array(SLOTS).fill(undefined);

  /** Refuses all requests in the first slots. */
  refuse(count: number, reason: DropReason): void {
    this.replyLengths.fill(0, 0, count);
    this.drops.fill(reason, 0, count);
  }

  /**
   * Puts what was decided elsewhere into a slot.
   *
   * @param slot Which.
   * @param outcome A reply, or why there is none.
   */
  put(
    slot: number,
    outcome:
      | { readonly reply: Uint8Array; readonly version?: number }
      | { readonly drop: DropReason },
  ): void {
    if ("drop" in outcome) {
      this.replyLengths[slot] = 0;
      this.drops[slot] = outcome.drop;
      return;
    }
    const { reply } = outcome;
    const fits = reply.length <= OUTPUT_BYTES &&
      reply.length <= (this.lengths[slot] as number);
    if (fits) this.kernel.bytes.set(reply, outputOffset(slot));
    this.replyLengths[slot] = fits ? reply.length : 0;
    this.drops[slot] = fits ? undefined : "amplification";
  }

  /** A copy of the request in a slot. */
  packet(slot: number): Uint8Array {
    const from = inputOffset(slot);
    const to = from + (this.lengths[slot] as number);
    return this.kernel.bytes.slice(from, to);
  }

  /** The reply in an output slot, in place: to be sent before the next call. */
  reply(slot: number): Uint8Array {
    const from = outputOffset(slot);
    const length = this.replyLengths[slot] as number;
    return this.kernel.bytes.subarray(from, from + length);
  }
}
