/**
 * A batch in place, whatever is in it: it is answered at once where nothing has to be waited
 * for, and one by one where something that nobody foresaw goes wrong.
 *
 * @module
 */

import type { DropReason } from "../drop_reason.ts";
import type { Moment, Outcome } from "../responder.ts";
import type { FastResponder } from "./responder.ts";

/** What the server does for a batch. */
export interface SlotHandler {
  /** The time to sign now, or why nothing may be signed. */
  moment(): Moment | DropReason | Promise<Moment | DropReason>;
  /** Answers one packet, the long way. */
  handle(packet: Uint8Array): Promise<readonly Outcome[]>;
}

/**
 * Answers the datagrams in the first slots.
 *
 * @param slots Where they lie.
 * @param count How many there are.
 * @param handler What the server does.
 * @returns Nothing where it is done already. The promise does not reject.
 */
export function handleSlots(
  slots: FastResponder,
  count: number,
  handler: SlotHandler,
): Promise<void> | undefined {
  try {
    return answer(slots, count, handler)
      ?.catch(() => oneByOne(slots, count, handler));
  } catch {
    return oneByOne(slots, count, handler);
  }
}

function answer(
  slots: FastResponder,
  count: number,
  handler: SlotHandler,
): Promise<void> | undefined {
  const answerAt = (moment: Moment | DropReason) => {
    if (typeof moment !== "string") return slots.answer(count, moment);
    slots.refuse(count, moment);
    return undefined;
  };
  const moment = handler.moment();
  return moment instanceof Promise ? moment.then(answerAt) : answerAt(moment);
}

/** What is at fault then costs only itself the answer. */
async function oneByOne(
  slots: FastResponder,
  count: number,
  { handle }: SlotHandler,
): Promise<void> {
  for (let slot = 0; slot < count; slot++) {
    const [outcome] = await handle(slots.packet(slot));
    slots.put(slot, outcome ?? { drop: "internal" });
  }
}
