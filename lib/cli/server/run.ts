/**
 * `roughly server run`: serve until told to stop.
 *
 * @module
 */

import process from "node:process";
import {
  type Dialect,
  dialectFor,
  DIALECTS,
  formatVersion,
} from "../../wire/dialect.ts";
import { formatKey } from "../../wire/key_text.ts";
import type { V1Context } from "../../wire/certificate.ts";
import { formatAddress } from "../../net/datagram.ts";
import { every } from "../../net/heartbeat.ts";
import type { Notifier } from "../../net/notify.ts";
import { findServiceManager } from "../service_manager.ts";
import {
  type ListenAddress,
  serve,
  type ServeOptions,
} from "../../server/serve.ts";
import type { ServerIo } from "../../net/udp.ts";
import { Server } from "../../server/core.ts";
import type { NamedVersion } from "../arguments.ts";
import { ANSWERABLE } from "../../server/responder.ts";
import { checkConfig, type CheckedConfig } from "./check.ts";
import { startMonitor } from "./monitor.ts";
import { logEvents, logStats } from "./event_log.ts";
import type { Ignored } from "../ignored.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
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
  readonly maxDelay: number;
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
  /** Of the check, which alone has a form in JSON. */
  readonly json?: boolean;
}

const { "rfc-10049": RFC, "draft-14": DRAFT } = DIALECTS;

/** What would do nothing, or not what it says, beside these options. */
export function ignoredByRun(options: RunOptions): Ignored[] {
  const { host, listen, keyFile = [], privateKey, delegation = [] } = options;
  const isDelegated = delegation.length > 0 && keyFile.length === 0 &&
    privateKey === undefined;
  const versions = options.versions && numbersOf(options.versions);
  const answers = ({ code }: Dialect) => versions?.includes(code) ?? true;
  return [
    {
      option: "--port",
      because: "with --listen and without --host",
      when: host === undefined && listen !== undefined,
    },
    ...["--max-connections", "--max-connections-per-address"].map((option) => ({
      option,
      because: "with --no-tcp",
      when: !options.tcp,
    })),
    {
      option: "--workers",
      because: "with --io portable",
      when: options.io === "portable",
    },
    {
      option: "--max-delay",
      because: "with --io portable, which has no workers",
      when: options.io === "portable",
    },
    {
      option: "--max-radius",
      because: "with --trust-clock",
      when: options.trustClock === true,
    },
    {
      option: "--max-radius",
      because: `below --radius ${options.radius}`,
      when: options.maxRadius < options.radius,
    },
    {
      option: "--validity-seconds",
      because: "with --delegation alone, whose window is its own",
      when: isDelegated,
    },
    {
      option: "--grease-probability",
      because: "with --no-grease",
      when: !options.grease,
    },
    {
      option: "--prefer-rfc",
      because: `with --versions that lack ${formatVersion(RFC.code)} or ${
        formatVersion(DRAFT.code)
      }`,
      when: !answers(RFC) || !answers(DRAFT),
    },
    {
      option: "--v1-context",
      because: `with --versions that lack ${formatVersion(RFC.code)}`,
      when: !answers(RFC),
    },
    {
      option: "--json",
      because: "without --check-config",
      when: options.checkConfig !== true,
    },
  ];
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
  if (options.checkConfig) {
    // Spoilt on purpose, or withheld because of the clock, is not what is to be checked.
    const sound = { ...options, grease: false, trustClock: true };
    const server = await createServer(sound, keys, log);
    return await checkConfig(server, checkedConfig(options, keys), output);
  }
  const server = await createServer(options, keys, log);
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
      every(WATCH_MS, () => server.lookAfter()),
      every(WATCH_MS, () => watch.check()),
      onReload(() => void watch.reload()),
    );
    if (options.statsInterval > 0) {
      const logNow = () => logStats(log, running.counters);
      cleanups.push(every(options.statsInterval * 1000, logNow));
    }
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
    const manager = findManager(log);
    cleanups.push(() => manager?.close());
    await manager?.notify("READY=1");
    await running.finished;
    await manager?.notify("STOPPING=1");
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
  const names = both.map(({ hostname, port }) => formatAddress(hostname, port));
  const twice = both.findIndex(({ port }, i) =>
    port !== 0 && names.indexOf(names[i] as string) < i
  );
  if (twice >= 0) {
    throw new UsageError(`cannot listen on ${names[twice]} twice`);
  }
  return {
    port,
    tcp,
    tcpLimits: { maxConnections, maxConnectionsPerAddress },
    io,
    workers: options.workers ?? navigator.hardwareConcurrency,
    maxDelayMicros: options.maxDelay,
    ...(both.length === 0 ? {} : { listen: both }),
  };
}

function checkedConfig(options: RunOptions, keys: LoadedKeys): CheckedConfig {
  return {
    keys,
    listen: listenOptions(options),
    metrics: options.metrics,
    versions: options.versions ? numbersOf(options.versions) : ANSWERABLE,
    radiusSeconds: options.radius,
    maxRadiusSeconds: Math.max(options.maxRadius, options.radius),
    trustClock: options.trustClock ?? false,
    validitySeconds: options.validitySeconds,
    greaseProbability: options.grease ? options.greaseProbability : 0,
    preferRfc: options.preferRfc ?? false,
    v1Context: options.v1Context,
    statsIntervalSeconds: options.statsInterval,
    json: options.json ?? false,
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

function findManager(log: Log): Notifier | undefined {
  return findServiceManager((error) => {
    log.log("warning", "the service manager could not be told", {
      socket: process.env.NOTIFY_SOCKET,
      error,
    });
  });
}
