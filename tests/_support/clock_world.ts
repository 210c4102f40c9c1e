/**
 * A world for the `clock` commands in which nothing is real: no server is asked, no time
 * passes and no clock is set.
 *
 * @module
 */

import type { ClockWorld } from "../../lib/cli/clock/compare.ts";
import { UsageError } from "../../lib/cli/terminal/exit_code.ts";
import { bundledList } from "../../lib/ecosystem/bundled.ts";
import { NetworkError, VerificationError } from "../../lib/wire/errors.ts";
import type {
  Measurement,
  MeasureOptions,
} from "../../lib/ecosystem/measure.ts";
import type { ServerOutcome } from "../../lib/ecosystem/vote.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import type { Ended } from "./cli.ts";
import { NOW_MICROS, SECOND } from "./fixtures.ts";

/** What a measurement finds: how far the clock is off in seconds, or why nobody can tell. */
export type Finding =
  | number
  | "too-few"
  | "no-majority"
  | "rejected"
  | "no-answer";

/** How far from the middle of its bounds true time may be, in a measurement. */
export const HALF_WIDTH: bigint = SECOND;

/** What the commands have in common, as commander gives it. */
export const COMMON = {
  timeout: 3,
  minServers: 3,
  transport: "auto",
  count: 5,
} as const;

/** A world in which measurements find what a script says, the last finding for ever. */
export class FakeWorld implements ClockWorld {
  /** What the clock was set to. */
  readonly sets: bigint[] = [];
  /** Pauses, in milliseconds. */
  readonly pauses: number[] = [];
  /** Options of each measurement. */
  readonly asked: MeasureOptions[] = [];
  /** Milliseconds between a measurement and its end. */
  lateMs = 0;
  /** How far the clock jumps while each of the next measurements is made. */
  jumpsMs: number[] = [];
  /** How far the bounds reach below and above true time. */
  boundsAround: readonly [bigint, bigint] = [HALF_WIDTH, HALF_WIDTH];
  /** Contradictions that measurements find. */
  violations: Measurement["violations"] = [];
  /** What the system says to somebody who sets the clock. */
  refusal: Error | undefined;
  readonly #findings: Finding[];
  #nowMs = 5000;
  #offMicros = 0n;

  constructor(...findings: Finding[]) {
    this.#findings = findings;
    this.#step();
  }

  /** The clock is set while nobody measures. */
  #step(): void {
    const [finding] = this.#findings;
    if (typeof finding === "number") {
      this.#offMicros = BigInt(Math.round(finding * 1e6));
    }
  }

  /** True time by this world, in microseconds since 1970. */
  get trueMicros(): bigint {
    return NOW_MICROS + BigInt(Math.round(this.#nowMs * 1000));
  }

  readonly now = (): number => this.#nowMs;

  readonly wall = (): number =>
    Number(this.trueMicros + this.#offMicros) / 1000;

  readonly wait = (milliseconds: number): Promise<void> => {
    this.pauses.push(milliseconds);
    this.#nowMs += milliseconds;
    this.#step();
    return Promise.resolve();
  };

  readonly set = (micros: bigint): void => {
    if (this.refusal) throw this.refusal;
    this.sets.push(micros);
  };

  readonly measure = (
    servers: readonly ListedServer[],
    options: MeasureOptions = {},
  ): Promise<Measurement> => {
    this.asked.push(options);
    const [finding = 0] = this.#findings;
    if (this.#findings.length > 1) this.#findings.shift();
    this.#offMicros += BigInt(this.jumpsMs.shift() ?? 0) * 1000n;
    const { trueMicros, boundsAround: [below, above] } = this;
    const measurement: Measurement = {
      outcomes: servers.slice(0, 3).map((server) => outcome(server, finding)),
      chain: [],
      violations: this.violations,
      quorum: typeof finding === "number"
        ? {
          ok: true,
          bounds: {
            earliestMicros: trueMicros - below,
            latestMicros: trueMicros + above,
          },
          agrees: [true, true, true],
          voters: 3,
          agreeing: 3,
        }
        : finding === "no-majority"
        ? { ok: false, reason: finding, voters: 3, agreeing: 1, needed: 2 }
        : {
          ok: false,
          reason: "too-few",
          voters: finding === "too-few" ? 2 : 0,
          agreeing: finding === "too-few" ? 2 : 0,
          needed: 3,
        },
      takenAt: this.#nowMs,
    };
    this.#nowMs += this.lateMs;
    return Promise.resolve(measurement);
  };
}

function outcome(server: ListedServer, finding: Finding): ServerOutcome {
  const bytes = new Uint8Array();
  const common = { server, operator: server.name, bounds: undefined };
  if (finding === "no-answer") {
    const error = new NetworkError("unreachable", "Cannot reach it");
    return { ...common, status: "no-answer", answers: [], error };
  }
  const exchange = { request: bytes, response: bytes, publicKey: bytes };
  if (finding === "rejected") {
    const error = new VerificationError(
      { code: "response-signature" },
      exchange,
    );
    return { ...common, status: "rejected", answers: [], error };
  }
  const answer = { exchange } as ServerOutcome["answers"][0];
  return {
    ...common,
    status: typeof finding === "number" ? "ok" : "unjudged",
    answers: [answer],
    error: undefined,
  };
}

/** Runs a command in such a world, and gives what it printed. */
export async function runIn<Options>(
  command: (
    options: Options,
    output: {
      out: (line: string) => void;
      err: (line: string) => void;
      progress: (text: string) => void;
    },
    world: ClockWorld,
  ) => Promise<number>,
  options: Options,
  world: FakeWorld,
): Promise<Ended> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await command(options, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    progress: () => {},
  }, world);
  return { code, out, err };
}

/** Names of the servers in each measurement of a fake world. */
export const NAMES: readonly string[] = bundledList().servers.slice(0, 3)
  .map(({ name }) => name);

/** Is it an error that says what is wrong with the command line, and how? */
export function isUsage(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof UsageError && message.test(error.message);
}
