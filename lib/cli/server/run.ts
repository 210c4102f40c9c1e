/**
 * `roughly server run`: serve until told to stop.
 *
 * @module
 */

import config from "../../../deno.json" with { type: "json" };
import { windowState } from "../../wire/certificate.ts";
import { dialectFor } from "../../wire/dialect.ts";
import { formatKey } from "../../wire/key_text.ts";
import type { V1Context } from "../../wire/certificate.ts";
import { renderMetrics } from "../../server/metrics.ts";
import { formatAddress } from "../../net/datagram.ts";
import { linuxUdpProblem } from "../../net/linux/udp.ts";
import { type MonitorServer, openMonitor } from "../../net/http.ts";
import { openNotifier } from "../../net/notify.ts";
import { ServerError } from "../../wire/errors.ts";
import {
  type ListenAddress,
  type RunningServer,
  serve,
  type ServeOptions,
} from "../../server/serve.ts";
import type { ServerIo } from "../../net/udp.ts";
import { Server } from "../../server/core.ts";
import type { NamedVersion } from "../arguments.ts";
import { logEvents, logStats } from "./event_log.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { systemMessage } from "../terminal/failure.ts";
import {
  hasKeys,
  type KeyOptions,
  type LoadedKeys,
  loadKeys,
} from "./key_source.ts";
import { KeyWatch, toServerKeys } from "./key_watch.ts";
import { Log, type LogFormat } from "../terminal/log.ts";
import {
  explainLoss,
  type Loss,
  type Output,
  printable,
} from "../terminal/output.ts";
import { onReload, onTermination } from "../terminal/signals.ts";

/** Options as commander gives them. */
export interface RunOptions extends KeyOptions {
  readonly host?: string;
  readonly port: number;
  readonly listen?: readonly ListenAddress[];
  readonly tcp: boolean;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly io: ServerIo;
  readonly workers?: number;
  readonly radius: number;
  readonly maxRadius: number;
  readonly trustClock?: boolean;
  readonly validitySeconds: number;
  readonly grease: boolean;
  readonly greaseProbability: number;
  readonly preferRfc?: boolean;
  readonly v1Context: V1Context;
  readonly versions?: readonly NamedVersion[];
  readonly metrics?: ListenAddress;
  readonly statsInterval: number;
  readonly logFormat: LogFormat;
  readonly checkConfig?: boolean;
}

/** How often files are looked at. */
const WATCH_MS = 5_000;

/** Runs the command. */
export async function serverRun(
  options: RunOptions,
  output: Output,
): Promise<number> {
  const log = new Log((line) => output.err(line), options.logFormat);
  output.onLoss?.((loss) => sayLoss(loss, log, output));
  const keys = await loadKeys(options);
  const server = await createServer(options, keys, log);
  if (options.checkConfig) {
    describe(server, options, keys, output);
    return EXIT.ok;
  }
  const stop = new AbortController();
  const cleanups: (() => unknown)[] = [onTermination(() => stop.abort())];
  try {
    const running = await serve(server, {
      ...listenOptions(options),
      signal: stop.signal,
      onEvent: logEvents(log),
    });
    cleanups.push(() => running.shutdown());
    const watch = KeyWatch.start(options, server, keys, log);
    await server.lookAfter();
    cleanups.push(
      ...every(WATCH_MS, () => server.lookAfter()),
      ...every(WATCH_MS, () => watch.check()),
      ...every(
        options.statsInterval * 1000,
        () => logStats(log, running.counters),
      ),
      onReload(() => void watch.reload()),
    );
    if (options.metrics) {
      const monitor = await startMonitor(
        options.metrics,
        server,
        running,
        watch,
      );
      cleanups.push(() => monitor.close());
      const { hostname, port } = monitor.address;
      const address = formatAddress(hostname, port);
      log.log("info", "monitor listening", { address });
    }
    announce(server, running.addresses, output);
    if (!hasKeys(keys)) warnOfNoKey(log);
    const notifier = startNotifier(log, cleanups);
    await notifier?.notify("READY=1");
    await running.finished;
    await notifier?.notify("STOPPING=1");
    logStats(log, running.counters);
    output.out("Server stopped.");
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
  return EXIT.ok;
}

/** In the form of the log where that still works. A server goes on without either. */
function sayLoss(loss: Loss, log: Log, output: Output): void {
  if (loss.channel === "stderr") {
    output.out(`roughly: error: ${explainLoss(loss)}`);
  } else log.log("error", "cannot write", { ...loss });
}

async function createServer(
  options: RunOptions,
  keys: LoadedKeys,
  log: Log,
): Promise<Server> {
  return await Server.create({
    ...(hasKeys(keys) ? toServerKeys(keys) : {}),
    radiusSeconds: options.radius,
    maxRadiusSeconds: Math.max(options.maxRadius, options.radius),
    trustClock: options.trustClock,
    validitySeconds: options.validitySeconds,
    greaseProbability: options.grease ? options.greaseProbability : 0,
    preferRfc: options.preferRfc,
    v1Context: options.v1Context,
    versions: options.versions && numbersOf(options.versions),
    exportable: true, // to the workers
    onEvent: logEvents(log),
  });
}

/** Numbers as a server lists them: known ones, once each, ascending. */
function numbersOf(versions: readonly NamedVersion[]): number[] {
  const numbers = versions.map(({ code }) =>
    dialectFor(code, { typed: true })?.code ?? code
  );
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function listenOptions(options: RunOptions): ServeOptions {
  const { host, port, listen, tcp, io } = options;
  const { maxConnections, maxConnectionsPerAddress } = options;
  const hostname = host?.replace(/^\[(.*)\]$/, "$1");
  const both = [
    ...(hostname === undefined ? [] : [{ hostname, port }]),
    ...(listen ?? []),
  ];
  return {
    port,
    tcp,
    tcpLimits: { maxConnections, maxConnectionsPerAddress },
    io,
    workers: options.workers ?? navigator.hardwareConcurrency,
    ...(both.length === 0 ? {} : { listen: both }),
  };
}

function announce(
  server: Server,
  addresses: readonly ListenAddress[],
  output: Output,
): void {
  for (const publicKey of server.publicKeys) {
    output.out(`Server public key (base64): ${formatKey(publicKey)}`);
  }
  for (const { hostname, port } of addresses) {
    const address = printable(formatAddress(hostname, port));
    output.out(`Starting Roughtime server on ${address}`);
  }
}

function warnOfNoKey(log: Log): void {
  log.log(
    "warning",
    "no private key found, so this one is new and lost at the end",
    { hint: "make one to keep with 'roughly server keygen'" },
  );
}

/** What `--check-config` prints: what would be served, and with which keys. */
function describe(
  server: Server,
  options: RunOptions,
  keys: LoadedKeys,
  output: Output,
): void {
  for (const { key, source } of keys.longTerm) {
    output.out(`Key: ${formatKey(key.publicKey)} from ${printable(source)}`);
  }
  for (const { key, source } of keys.delegated) {
    const { publicKey, online } = key;
    const state = windowState(online, server.getTime());
    if (state !== "open") {
      throw new UsageError(`${source} is a delegation that ${state}`);
    }
    const left = Number(online.notAfterMicros - server.getTime()) / 8.64e10;
    output.out(
      `Delegation: ${formatKey(publicKey)} from ${printable(source)}, ${
        left.toFixed(1)
      } days left`,
    );
  }
  if (!hasKeys(keys)) {
    output.out("Key: none, so a new one at every start");
  }
  const { listen, port, tcp } = listenOptions(options);
  const addresses =
    listen?.map((one) => formatAddress(one.hostname, one.port)) ??
      [`all addresses, port ${port}`];
  output.out(
    `Listen: ${printable(addresses.join(", "))}, UDP${tcp ? " and TCP" : ""}`,
  );
  const problem = options.io === "portable" ? undefined : linuxUdpProblem();
  if (options.io === "linux" && problem !== undefined) {
    throw new UsageError(`cannot use --io linux: ${problem}`);
  }
  output.out(
    options.io === "portable" || problem !== undefined
      ? "Sockets: portable, one thread"
      : `Sockets: linux, ${
        options.workers ?? navigator.hardwareConcurrency
      } threads for each UDP address`,
  );
  output.out("The configuration is usable.");
}

async function startMonitor(
  { hostname, port }: ListenAddress,
  server: Server,
  running: RunningServer,
  watch: KeyWatch,
): Promise<MonitorServer> {
  try {
    return await openMonitor(hostname, port, {
      metrics: async () => {
        await running.refresh();
        return renderMetrics(running.counters, {
          packageVersion: config.version,
          clockStatus: server.clockStatus,
          nowMicros: server.getTime(),
          notAfterMicros: server.notAfterMicros,
          publicKeys: server.publicKeys.map(formatKey),
          rootChanged: watch.rootChanged,
          listeners: running.listeners,
          selfChecks: running.selfChecks,
        });
      },
      problem: () => problemOf(server, running),
    });
  } catch (cause) {
    throw new ServerError(
      "bind",
      `Cannot serve metrics on ${formatAddress(hostname, port)}: ${
        systemMessage(cause)
      }`,
      { cause },
    );
  }
}

/** Why a load balancer should not send anybody here. */
export function problemOf(
  server: Pick<Server, "clockStatus" | "canSign">,
  { listeners }: Pick<RunningServer, "listeners">,
): string | undefined {
  if (server.clockStatus === "stopped") return "the clock may be off";
  if (!server.canSign) return "the time is outside the window of an online key";
  const silent = listeners.filter(({ up }) => up === false)
    .map(({ transport, address }) => `${transport} ${address}`);
  return silent.length === 0
    ? undefined
    : `no answer from ${silent.join(" and ")}`;
}

/** Tells the service manager, also regularly if it asked for that. */
function startNotifier(
  log: Log,
  cleanups: (() => unknown)[],
): ReturnType<typeof openNotifier> {
  const socket = Deno.env.get("NOTIFY_SOCKET");
  const notifier = openNotifier(socket, (error) => {
    log.log("warning", "the service manager could not be told", {
      socket,
      error,
    });
  });
  if (notifier === undefined) return undefined;
  cleanups.push(() => notifier.close());
  const watchdog = Number(Deno.env.get("WATCHDOG_USEC") ?? 0) / 1000;
  cleanups.push(...every(watchdog / 2, () => notifier.notify("WATCHDOG=1")));
  return notifier;
}

/** Repeats an action; gives the way to end it, or nothing for an interval of 0. */
function every(milliseconds: number, action: () => unknown): (() => void)[] {
  if (!(milliseconds >= 1)) return [];
  const timer = setInterval(action, Math.min(milliseconds, 0x7fffffff));
  return [() => clearInterval(timer)];
}
