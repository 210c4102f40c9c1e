/**
 * One mutated exchange out of a pool of honest ones, by a seed and a number.
 *
 * @module
 */

import type { Exchange } from "../../verify.ts";
import { Dice } from "./dice.ts";
import { EDITS } from "./edits.ts";
import { FORGERIES } from "./forgeries.ts";
import type { Honest, Keys } from "./honest.ts";
import { assemble, takeApart } from "./parts.ts";
import { SCRAMBLES } from "./scramble.ts";

/** An exchange to be judged, and where it comes from. */
export interface Case {
  readonly exchange: Exchange;
  /** Dialect of the honest exchange underneath. */
  readonly dialect: string;
  /** What was done to it, and its origin. */
  readonly mutation: string;
}

/** How often each kind of change is made. The rest stays honest. */
const SCRAMBLED = 0.2;
const EDITED = 0.2;
const SIGNED = 0.45;
const FORGED = 0.1;

/** Names and changes as a list to pick from. */
const EDIT_LIST = Object.entries(EDITS);
const FORGERY_LIST = Object.entries(FORGERIES);
const SCRAMBLE_LIST = Object.entries(SCRAMBLES);

/** Must a second way to check signatures agree as well? */
export function isForgery({ mutation }: Case): boolean {
  return mutation.startsWith("forged");
}

function scrambled(honest: Honest, other: Honest, dice: Dice): Case {
  const exchange = { ...honest.exchange };
  const names: string[] = [];
  for (let left = 1 + dice.int(2); left > 0; left--) {
    const [name, scramble] = dice.pick(SCRAMBLE_LIST);
    const side = dice.chance(0.3) ? "request" : "response";
    exchange[side] = scramble(exchange[side], other.exchange[side], dice);
    names.push(`${name} of the ${side}`);
  }
  return {
    exchange,
    dialect: honest.dialect.id,
    mutation: `scrambled: ${names.join(", ")}; ${honest.origin}`,
  };
}

/**
 * Makes a case; the same pool, seed and number give the same one.
 *
 * @param pool Honest exchanges.
 * @param keys The keys behind them.
 * @param seed The run.
 * @param number The case within the run.
 */
export async function mutate(
  pool: readonly Honest[],
  keys: Keys,
  seed: number,
  number: number,
): Promise<Case> {
  const dice = new Dice(
    Math.imul(seed, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b),
  );
  const honest = dice.pick(pool);
  const similar = pool.filter(({ dialect }) => dialect === honest.dialect);
  const other = dice.pick(dice.chance(0.6) ? similar : pool);

  const kind = dice.int(1000) / 1000;
  if (kind < SCRAMBLED) return scrambled(honest, other, dice);

  const parts = takeApart(honest, keys);
  const material = { dice, other: takeApart(other, keys), keys };
  const names: string[] = [];
  const apply = (list: typeof EDIT_LIST, times: number) => {
    for (let left = times; left > 0; left--) {
      const [name, edit] = dice.pick(list);
      edit(parts, material);
      names.push(name);
    }
  };
  let what = "honest";
  if (kind < SCRAMBLED + EDITED) {
    what = "edited";
    apply(EDIT_LIST, 1 + dice.int(2));
  } else if (kind < SCRAMBLED + EDITED + SIGNED) {
    what = "signed";
    parts.anew = {
      delegation: dice.chance(0.95),
      response: dice.chance(0.95),
      root: dice.chance(0.9),
    };
    apply(EDIT_LIST, dice.pick([1, 1, 1, 2, 2, 3]));
  } else if (kind < SCRAMBLED + EDITED + SIGNED + FORGED) {
    what = "forged";
    parts.anew = { delegation: true, response: true, root: true };
    apply(FORGERY_LIST, 1);
    if (dice.chance(0.2)) apply(EDIT_LIST, 1);
  }
  return {
    exchange: await assemble(parts),
    dialect: honest.dialect.id,
    mutation: `${what}: ${names.join(", ") || "nothing"}; ${honest.origin}`,
  };
}
