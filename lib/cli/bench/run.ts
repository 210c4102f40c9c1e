/**
 * `roughly bench`: what a server of one's own can do, and how long its clients wait.
 *
 * @module
 */

import { veryDangerouslySendRequestAndDoNotVerify } from "../../client/send_request.ts";
import { NetworkError } from "../../wire/errors.ts";
import { formatVersion } from "../../wire/dialect.ts";
import {
  type LoadOptions,
  type LoadProgress,
  runLoad,
} from "../../load/run.ts";
import {
  describeLoad,
  type LoadSummary,
  summarizeLoad,
} from "../../load/report.ts";
import { isOwnAddress } from "../../net/scope.ts";
import { formatAddress } from "../../net/datagram.ts";
import { resolve } from "../../net/resolve.ts";
import { explain } from "../../wire/rejection.ts";
import {
  type NamedVersion,
  parseTarget,
  type Target,
  toOffer,
} from "../arguments.ts";
import { EXIT, SILENCE_HINT, UsageError } from "../terminal/exit_code.ts";
import { lowerFirst, messageOf } from "../terminal/failure.ts";
import { type Output, printable, printJson } from "../terminal/output.ts";
import { checkPids, cpuMicrosOf, ownCpuMicros } from "./process_cpu.ts";
import { onTermination, type Termination } from "../terminal/signals.ts";
import { BENCH_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface BenchOptions {
  readonly window?: number;
  readonly rate?: number;
  readonly duration: number;
  readonly warmup: number;
  readonly timeout: number;
  readonly sockets: number;
  readonly offer: NamedVersion;
  readonly verify?: number;
  readonly pid?: readonly number[];
  readonly iOperateThisServer?: boolean;
  readonly json?: boolean;
}

const DEFAULT_WINDOW = 64;

/** Runs the command. */
export async function bench(
  words: readonly string[],
  options: BenchOptions,
  output: Output,
): Promise<number> {
  const target = parseTarget(words);
  if (options.verify !== undefined && target.publicKey === undefined) {
    throw new UsageError(
      "no public key given, so nothing could be verified",
      "add the server's long-term public key, or leave --verify out",
    );
  }
  if (options.pid) await checkPids(options.pid);
  const hostname = await permittedAddress(target, options);
  const stop = new AbortController();
  let endedBy: Termination | undefined;
  const forget = onTermination((signal) => {
    endedBy = signal;
    stop.abort();
  });
  let summary: LoadSummary;
  try {
    summary = summarizeLoad(
      await runLoad({
        ...loadOptions(target, hostname, options),
        signal: stop.signal,
        onProgress: (progress) =>
          output.progress(describeProgress(progress, options)),
      }),
    );
  } finally {
    forget();
    output.progress("");
  }
  const silence = endOf(summary, options, endedBy);
  const end = silence.code === "timeout"
    ? await findRefusal(hostname, target, options) ?? silence
    : silence;
  if (options.json) {
    printSummary(output, target, hostname, options, summary, end);
  } else {
    output.out(describeSetting(hostname, target, options));
    for (const line of describeLoad(summary)) output.out(line);
  }
  if (end.message !== undefined) output.err(`roughly: error: ${end.message}`);
  if (end.hint !== undefined) output.err(`roughly: hint: ${end.hint}`);
  return end.exitCode;
}

/**
 * The address to load. A slip of the keyboard must not put a load on somebody else's
 * server: its operator could not tell it from an attack.
 */
async function permittedAddress(
  { host }: Target,
  { iOperateThisServer }: BenchOptions,
): Promise<string> {
  const [address] = await resolve(host);
  const hostname = address?.hostname ?? host;
  if (iOperateThisServer || isOwnAddress(hostname)) return hostname;
  const named = hostname === host ? host : `${host} (${hostname})`;
  throw new UsageError(
    `will not load ${printable(named)}: it is a public address`,
    "a load looks like an attack; if the server is yours, add --i-operate-this-server",
  );
}

function loadOptions(
  { port, publicKey }: Target,
  hostname: string,
  options: BenchOptions,
): LoadOptions {
  const { versions: [version = 0], typed } = toOffer([options.offer]);
  const { pid } = options;
  return {
    hostname,
    port,
    version,
    typed,
    publicKey,
    pace: options.rate === undefined
      ? { window: options.window ?? DEFAULT_WINDOW }
      : { ratePerSecond: options.rate },
    sockets: options.sockets,
    durationMillis: options.duration * 1000,
    warmupMillis: options.warmup * 1000,
    timeoutMillis: options.timeout * 1000,
    verifyEvery: options.verify,
    sampleCpu: async () => ({
      generatorMicros: ownCpuMicros(),
      serverMicros: pid && await cpuMicrosOf(pid),
    }),
  };
}

function describeProgress(
  { measuredMillis, replies }: LoadProgress,
  { duration }: BenchOptions,
): string {
  if (measuredMillis <= 0) return "warming up ...";
  const seconds = measuredMillis / 1000;
  return `measuring: ${seconds.toFixed(0)} of ${duration} s, ${
    (replies / seconds).toFixed(0)
  } responses/s`;
}

function describeSetting(
  hostname: string,
  { port }: Target,
  { offer, rate, window = DEFAULT_WINDOW, sockets, warmup }: BenchOptions,
): string {
  const pace = rate === undefined
    ? `${window} requests under way`
    : `${rate} requests/s`;
  const used = rate === undefined ? Math.min(sockets, window) : sockets;
  return `Load:       ${pace} from ${used} ${
    used === 1 ? "socket" : "sockets"
  } to ${printable(formatAddress(hostname, port))}, ${
    offer.dialects[0]?.title
  } (${formatVersion(offer.code)}), after ${warmup} s`;
}

/** How the run ended. */
interface End {
  readonly exitCode: number;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
}

function endOf(
  summary: LoadSummary,
  { timeout, pid }: BenchOptions,
  endedBy: Termination | undefined,
): End {
  const { answered, verified, rejected, rejection, interrupted } = summary;
  if (rejection !== undefined) {
    return {
      exitCode: EXIT.rejected,
      code: rejection.code,
      message:
        `cannot trust ${rejected} of ${verified} verified replies, the first because ${
          explain(rejection)
        }`,
      hint:
        "a server with grease spoils some on purpose; ours stops with --no-grease",
    };
  }
  if (interrupted) {
    return {
      exitCode: endedBy === "SIGTERM" ? EXIT.terminated : EXIT.interrupted,
    };
  }
  if (answered === 0) {
    return {
      exitCode: EXIT.noAnswer,
      code: "timeout",
      message: `no answer within ${timeout} s`,
      hint: SILENCE_HINT,
    };
  }
  return pid && summary.server === undefined
    ? {
      exitCode: EXIT.ok,
      hint: "the process of --pid ended, so its CPU time is unknown",
    }
    : { exitCode: EXIT.ok };
}

/** A load does not look why nothing comes back. One more request does. */
async function findRefusal(
  host: string,
  { port }: Target,
  { offer, timeout }: BenchOptions,
): Promise<End | undefined> {
  try {
    await veryDangerouslySendRequestAndDoNotVerify({
      ...toOffer([offer]),
      host,
      port,
      transport: "udp",
      timeout: timeout * 1000,
      retries: 1,
      fallback: false,
    });
  } catch (error) {
    if (!(error instanceof NetworkError)) return undefined;
    const message = lowerFirst(messageOf(error));
    return { exitCode: EXIT.noAnswer, code: error.code, message };
  }
  return undefined;
}

function printSummary(
  output: Output,
  { host, port }: Target,
  address: string,
  options: BenchOptions,
  summary: LoadSummary,
  { exitCode, code, message }: End,
): void {
  const { offer, rate, window, sockets } = options;
  printJson(output, {
    schema: BENCH_SCHEMA,
    ok: exitCode === EXIT.ok,
    host,
    port,
    address,
    version: formatVersion(offer.code),
    dialect: offer.dialects[0]?.id,
    pace: rate === undefined
      ? { window: window ?? DEFAULT_WINDOW }
      : { ratePerSecond: rate },
    sockets: rate === undefined
      ? Math.min(sockets, window ?? DEFAULT_WINDOW)
      : sockets,
    warmupSeconds: options.warmup,
    timeoutSeconds: options.timeout,
    ...summary,
    error: code === undefined ? undefined : { code, message },
  });
}
