/**
 * What several servers say, for people and as JSON; shared by `ecosystem` and `clock`.
 *
 * @module
 */

import { formatVersion } from "../../wire/dialect.ts";
import { VerificationError } from "../../wire/errors.ts";
import type { Measurement, Progress } from "../../ecosystem/measure.ts";
import type { ServerOutcome } from "../../ecosystem/vote.ts";
import type { Answer } from "../../ecosystem/pick.ts";
import type { Interval } from "../../ecosystem/quorum.ts";
import { formatTime } from "../../wire/timestamp.ts";
import { classify, EXIT } from "../terminal/exit_code.ts";
import {
  lowerFirst,
  systemMessage,
  toErrorObject,
} from "../terminal/failure.ts";
import {
  formatMillis,
  formatSeconds,
  jsonTime,
  type Output,
  printable,
} from "../terminal/output.ts";
import { type Paint, PLAIN, type Tone } from "../terminal/paint.ts";
import { type Cell, table } from "../terminal/table.ts";

/** The local clock compared with what a majority says. */
export interface LocalClock {
  /** Microseconds since 1970 when the measurement was taken. */
  readonly micros: bigint;
  /** By how much it is certainly off: 0 within the bounds, negative if it is slow. */
  readonly offMicros: bigint;
}

/** The system's clock at a moment of `performance.now()`, in microseconds since 1970. */
export function wallClockAt(
  at: number,
  wall: () => number = Date.now,
  now: () => number = () => performance.now(),
): bigint {
  return BigInt(Math.round((wall() - (now() - at)) * 1000));
}

/** Compares a reading of the local clock with bounds of the same moment. */
export function compareClock(micros: bigint, bounds: Interval): LocalClock {
  const offMicros = micros < bounds.earliestMicros
    ? micros - bounds.earliestMicros
    : micros > bounds.latestMicros
    ? micros - bounds.latestMicros
    : 0n;
  return { micros, offMicros };
}

/** The exit code that a measurement comes to, leaving aside what it was for. */
export function exitOf({ outcomes, quorum }: Measurement): number {
  if (quorum.ok) return EXIT.ok;
  const has = (status: ServerOutcome["status"]) =>
    outcomes.some((one) => one.status === status);
  if (outcomes.some(({ answers }) => answers.length > 0)) return EXIT.noQuorum;
  if (has("rejected")) return EXIT.rejected;
  // Whoever may not use the network learns nothing about the servers.
  return outcomes.length > 0 &&
      outcomes.every(({ error }) => classify(error).exitCode === EXIT.denied)
    ? EXIT.denied
    : EXIT.noAnswer;
}

/** Shows whom a command waits for. */
export function showProgress(output: Output): (progress: Progress) => void {
  return ({ done, total, server }) =>
    output.progress(`${done}/${total} ${printable(server.name)} ...`);
}

/** One line for each server, under a heading. */
export function describeServers(
  measurement: Measurement,
  paint: Paint = PLAIN,
): string[] {
  const rows: Cell[][] = measurement.outcomes.map((outcome) => [
    printable(outcome.server.name),
    ...describeAnswer(outcome),
    { text: describeStatus(outcome), tone: TONES[outcome.status] },
  ]);
  return table([
    [
      "NAME",
      "ADDRESS",
      "VERSION",
      "MIDPOINT",
      "RADIUS",
      "RTT",
      "LOCAL CLOCK",
      "STATUS",
    ],
    ...rows,
  ], paint);
}

const TONES: Readonly<Record<ServerOutcome["status"], Tone>> = {
  "ok": "good",
  "vague": "doubtful",
  "unjudged": "doubtful",
  "falseticker": "bad",
  "rejected": "bad",
  "no-answer": "doubtful",
};

function describeAnswer({ server, answers }: ServerOutcome): string[] {
  const answer = answers.at(-1);
  if (answer === undefined) {
    const [address] = server.addresses;
    const where = address ? `${address.host}:${address.port}` : "";
    return [printable(where), "-", "-", "-", "-", "-"];
  }
  const { midpointMicros, radiusMicros, version } = answer.verdict;
  return [
    printable(answer.address),
    formatVersion(version),
    formatTime(midpointMicros) ?? `${formatSeconds(midpointMicros)} s`,
    `${formatSeconds(radiusMicros)} s`,
    formatMillis(answer.rttMicros),
    formatOffset(wallClockAt(answer.receivedAt) - middle(answer)),
  ];
}

/** What the server's clock showed when the reply came in, as nearly as can be told. */
function middle({ verdict, rttMicros }: Answer): bigint {
  return verdict.midpointMicros + rttMicros / 2n;
}

/** `+0.5 s`, to a tenth; less says nothing when servers speak of whole seconds. */
export function formatOffset(micros: bigint): string {
  // A tenth is all that is shown; what rounds to nothing has no sign.
  const seconds = Math.round(Number(micros) / 1e5) / 10 || 0;
  const text = Math.abs(seconds) < 1e9
    ? seconds.toFixed(1)
    : seconds.toPrecision(3);
  return `${seconds < 0 ? "" : "+"}${text} s`;
}

function describeStatus({ status, error, answers }: ServerOutcome): string {
  switch (status) {
    case "rejected":
      return error instanceof VerificationError
        ? `rejected: ${error.rejection.code}`
        : status;
    case "no-answer":
      return `no answer: ${toErrorObject(error).code}`;
    default:
      return answers.length > 0 && error !== undefined
        ? `${status}, then ${toErrorObject(error).code}`
        : status;
  }
}

/** One line for each server that gave no answer that counts: which, and why. */
export function describeFailures({ outcomes }: Measurement): string[] {
  return outcomes.flatMap((outcome) => {
    const why = whyNot(outcome);
    return why === undefined
      ? []
      : [`${printable(outcome.server.name)}: ${why}`];
  });
}

function whyNot({ status, error, answers }: ServerOutcome): string | undefined {
  if (error !== undefined) return lowerFirst(systemMessage(error));
  const radius = answers.at(-1)?.verdict?.radiusMicros;
  return status === "vague" && radius !== undefined
    ? `its radius of ${formatSeconds(radius)} s is too wide to count`
    : undefined;
}

/** Says on stderr who did not answer, and why, as `roughly: warning: NAME: WHY`. */
export function warnOfFailures(measurement: Measurement, output: Output): void {
  for (const line of describeFailures(measurement)) {
    output.err(`roughly: warning: ${line}`);
  }
}

/** Servers that vote claim a minute or less, so a majority that agrees is not far apart. */
const WIDE_MICROS = 300_000_000n;

/** The line that says what a majority holds. */
export function describeConsensus({ quorum }: Measurement): string {
  if (quorum.ok) {
    const { earliestMicros, latestMicros } = quorum.bounds;
    const wide = latestMicros - earliestMicros > WIDE_MICROS
      ? "; so wide because servers of one operator contradict each other, or every radius is large"
      : "";
    return `Consensus: true time is between ${time(earliestMicros)} and ${
      time(latestMicros)
    }, say ${quorum.agreeing} of ${quorum.voters} operators${wide}`;
  }
  const { voters, agreeing, needed } = quorum;
  switch (quorum.reason) {
    case "too-few":
      return `Consensus: none, answers that count came from ${voters} of the ${needed} operators needed`;
    case "no-majority":
      return `Consensus: none, ${agreeing} of ${voters} operators agree and ${needed} are needed`;
    case "suspended":
      return "Consensus: none, the machine slept or its clock was set during the measurement; try again";
  }
}

/** The line that compares the local clock with it. */
export function describeLocalClock(
  { offMicros }: LocalClock,
  paint: Paint = PLAIN,
): string {
  return `Local clock: ${
    offMicros === 0n ? paint("good", "within these bounds") : paint(
      "bad",
      `at least ${formatSeconds(offMicros < 0n ? -offMicros : offMicros)} s ${
        offMicros < 0n ? "slow" : "fast"
      }`,
    )
  }`;
}

function time(micros: bigint): string {
  return formatTime(micros) ?? `${formatSeconds(micros)} s`;
}

/** A server's part of a measurement as JSON. */
export function jsonServer(outcome: ServerOutcome): Record<string, unknown> {
  const { server, operator, status, answers, bounds, error } = outcome;
  return {
    name: server.name,
    publicKey: server.publicKey,
    operator,
    status,
    answers: answers.map(({ verdict, rttMicros, address, transport }) => ({
      address,
      transport,
      version: formatVersion(verdict.version),
      dialect: verdict.dialect,
      midpoint: jsonTime(verdict.midpointMicros),
      radiusMicros: verdict.radiusMicros,
      rttMicros,
      delegationNotAfter: jsonTime(verdict.delegation.notAfterMicros),
    })),
    bounds: bounds && jsonInterval(bounds),
    error: error === undefined ? undefined : toErrorObject(error),
  };
}

/** What a majority says, and the local clock, as JSON. */
export function jsonConsensus(
  { quorum }: Measurement,
  localClock: LocalClock | undefined,
): Record<string, unknown> {
  return {
    quorum: quorum.ok
      ? {
        ok: true,
        voters: quorum.voters,
        agreeing: quorum.agreeing,
        bounds: jsonInterval(quorum.bounds),
      }
      : quorum,
    localClock: localClock && {
      ...jsonTime(localClock.micros),
      outsideBoundsMicros: localClock.offMicros,
    },
  };
}

function jsonInterval(
  { earliestMicros, latestMicros }: Interval,
): Record<string, unknown> {
  return {
    earliest: jsonTime(earliestMicros),
    latest: jsonTime(latestMicros),
  };
}
