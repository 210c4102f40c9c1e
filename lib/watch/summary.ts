/**
 * A round in one or two sentences.
 *
 * @module
 */

import type { RoundState, ServerState } from "./api.ts";
import { plainText } from "./plain_text.ts";
import { describeSpan, giveOrTake } from "./span.ts";

/** More names than this would be a list. */
const MAX_NAMED = 3;

/** How far a clock drifts until the next round, in millionths. */
const DRIFT_PPM = 100;

/** When a round is spoken of. */
export interface SpokenAt {
  /**
   * Milliseconds since the round ended, by a clock that nobody sets. Without, as after a
   * restart, it is spoken of as something past.
   */
  readonly sinceMs: number | undefined;
}

/**
 * Says what a round came to.
 *
 * @param round The last one, if there was one.
 * @param at When it is said.
 */
export function summarise(
  round: RoundState | null,
  { sinceMs }: SpokenAt = { sinceMs: undefined },
): string {
  if (round === null) return "No server has been asked yet.";
  return [
    describeMajority(round, sinceMs),
    ...describeClock(round),
    ...describeOthers(round),
  ].join(" ");
}

function describeMajority(
  round: RoundState,
  sinceMs: number | undefined,
): string {
  const { quorumOffsetMicros, voters, agreeing, servers } = round;
  if (quorumOffsetMicros === null) {
    return servers.every(({ status }) => status === "silent")
      ? "No server answers."
      : `No majority. ${round.noQuorumReason ?? ""}`.trim();
  }
  const earliest = BigInt(quorumOffsetMicros.earliest);
  const latest = BigInt(quorumOffsetMicros.latest);
  const passedMs = sinceMs ?? 0;
  const driftMicros = BigInt(Math.ceil(passedMs * DRIFT_PPM / 1000));
  const middle = (earliest + latest) / 2n;
  const at = round.endedAtMs + passedMs + Number(middle / 1000n);
  const width = giveOrTake(latest - earliest + 2n * driftMicros);
  return `${agreeing} of ${voters} operators agree: it ${
    sinceMs === undefined ? "was" : "is"
  } ${clockTime(at)} UTC, give or take ${width}.`;
}

function clockTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? "a time beyond all calendars"
    : date.toISOString().slice(11, 19);
}

/** By how much the local clock is certainly off. */
export function clockOffMicros({ quorumOffsetMicros }: RoundState): bigint {
  if (quorumOffsetMicros === null) return 0n;
  const earliest = BigInt(quorumOffsetMicros.earliest);
  const latest = BigInt(quorumOffsetMicros.latest);
  // What is to be added to the local clock is what it lacks.
  return earliest > 0n ? -earliest : latest < 0n ? -latest : 0n;
}

function describeClock(round: RoundState): string[] {
  const off = clockOffMicros(round);
  if (off === 0n) return [];
  const span = describeSpan(off < 0n ? -off : off);
  return [
    `The clock of this machine is ${span} ${off < 0n ? "slow" : "fast"}.`,
  ];
}

function describeOthers(round: RoundState): string[] {
  const { servers } = round;
  const named = (
    status: ServerState["status"],
    one: string,
    many: string,
  ): string[] => {
    const names = servers.filter((server) => server.status === status)
      .map(({ name }) => plainText(name));
    if (names.length === 0) return [];
    return [`${join(names)} ${names.length === 1 ? one : many}.`];
  };
  const liars = servers.filter(({ status }) => status === "falseticker");
  return [
    ...liars.slice(0, MAX_NAMED).map((liar) => describeLiar(liar, round)),
    ...liars.length > MAX_NAMED
      ? [`${liars.length - MAX_NAMED} more contradict the majority.`]
      : [],
    ...named("rejected", "gives no valid answer", "give no valid answer"),
    ...servers.every(({ status }) => status === "silent")
      ? []
      : named("silent", "does not answer", "do not answer"),
  ];
}

/** Where it is, seen from the majority's bounds. */
function describeLiar(
  { name, offsetMicros }: ServerState,
  { quorumOffsetMicros }: RoundState,
): string {
  const who = plainText(name);
  if (offsetMicros !== null && quorumOffsetMicros !== null) {
    const ahead = BigInt(offsetMicros.earliest) -
      BigInt(quorumOffsetMicros.latest);
    if (ahead > 0n) return `${who} is ${describeSpan(ahead)} ahead.`;
    const behind = BigInt(quorumOffsetMicros.earliest) -
      BigInt(offsetMicros.latest);
    if (behind > 0n) return `${who} is ${describeSpan(behind)} behind.`;
  }
  return `${who} contradicts itself.`;
}

/** `a`, `a and b`, `a, b and 3 more`. */
function join(names: readonly string[]): string {
  if (names.length === 1) return names[0] as string;
  const more = names.length - MAX_NAMED;
  if (more > 1) {
    return `${names.slice(0, MAX_NAMED).join(", ")} and ${more} more`;
  }
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
