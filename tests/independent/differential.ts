/**
 * Judges mutated exchanges of every dialect by `verifyResponse` and by a second verifier in
 * Python that shares nothing with it, and prints every exchange on which they differ.
 *
 *     deno task differential [COUNT] [SEED]
 *
 * Exit code 1: there are differences. 2: wrong arguments. 3: no Python to compare with.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a program that prints what it finds

import { VERIFIERS } from "../../lib/crypto/ed25519.ts";
import { verifyResponse } from "../../verify.ts";
import {
  compare,
  type Comparison,
  emptyComparison,
  type Verify,
} from "./compare.ts";
import { honestExchanges, Keys } from "./honest.ts";
import { type Case, isForgery, mutate } from "./mutate.ts";
import { type Answer, NoPython, PythonVerifier } from "./python.ts";

const DEFAULT_COUNT = 100_000;
const CHUNK = 500;

/** The verifier as users get it, and where signatures are strange, the portable one too. */
export function defaultVerifiers(judged: Case): readonly Verify[] {
  const portable: Verify = (exchange) =>
    verifyResponse(exchange, { equation: VERIFIERS.noble });
  return isForgery(judged) ? [verifyResponse, portable] : [verifyResponse];
}

/**
 * Makes cases and compares what is said about them.
 *
 * @throws {NoPython} If there is nothing to compare with.
 */
export async function differential(
  cases: number,
  seed: number,
  verifiersFor: (judged: Case) => readonly Verify[] = defaultVerifiers,
): Promise<Comparison> {
  await using python = await PythonVerifier.start();
  const pool = await honestExchanges();
  const keys = new Keys(pool);
  const comparison = emptyComparison();
  for (let first = 0; first < cases; first += CHUNK) {
    const chunk: Case[] = [];
    for (let i = first; i < Math.min(first + CHUNK, cases); i++) {
      chunk.push(await mutate(pool, keys, seed, i));
    }
    await compare(chunk, python, verifiersFor, comparison);
  }
  return comparison;
}

/** How many differences there are of which kind: what TypeScript says, what Python does. */
function kindsOf({ differences }: Comparison): Record<string, number> {
  const word = (answer: Answer) => answer.ok ? answer.dialect : answer.reason;
  const kinds: Record<string, number> = {};
  for (const { typescript, python } of differences) {
    const kind = `${word(typescript)} / ${word(python)}`;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 0xffffffff) return value;
  console.error(
    `Cannot read ${JSON.stringify(text)} as a whole number: ` +
      "deno task differential [COUNT] [SEED]",
  );
  Deno.exit(2);
}

async function main(): Promise<void> {
  const [count, seed] = Deno.args.map(wholeNumber);
  const cases = count ?? DEFAULT_COUNT;
  const chosen = seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  console.error(`seed ${chosen}`);
  const start = performance.now();
  try {
    const comparison = await differential(cases, chosen);
    for (const difference of comparison.differences) {
      console.log(JSON.stringify(difference));
    }
    const seconds = (performance.now() - start) / 1000;
    const { accepted, rejected, differences } = comparison;
    console.error(JSON.stringify({
      accepted: comparison.acceptedByDialect,
      rejected: comparison.rejectedByReason,
      differences: kindsOf(comparison),
    }));
    console.log(
      `${cases} exchanges, seed ${chosen}: accepted by both ${accepted}, ` +
        `rejected by both ${rejected}, differences ${differences.length}; ` +
        `${seconds.toFixed(0)} s`,
    );
    if (differences.length > 0) Deno.exitCode = 1;
  } catch (error) {
    if (!(error instanceof NoPython)) throw error;
    console.error(`Cannot compare: ${error.message}`);
    Deno.exitCode = 3;
  }
}

if (import.meta.main) await main();
