/**
 * `server run --check-config`: everything that a start does but serving. Addresses are bound
 * and let go, every key signs once in every version, and a client's verifier has to believe
 * it.
 *
 * @module
 */

import { readKernelClock } from "../../net/linux/libc.ts";
import { judgeClock } from "../../server/clock_guard.ts";
import { openMonitor } from "../../net/http.ts";
import { formatAddress } from "../../net/datagram.ts";
import { announced, closeAll, openAll } from "../../server/listen.ts";
import { planLimits } from "../../server/listen_tcp.ts";
import type { ListenAddress, ServeOptions } from "../../server/serve.ts";
import type { Server } from "../../server/core.ts";
import type { EventSink, ServerEvent } from "../../server/event.ts";
import { verifyResponse } from "../../verify/response.ts";
import { type V1Context, windowState } from "../../wire/certificate.ts";
import { dialectFor, formatVersion } from "../../wire/dialect.ts";
import { formatKey } from "../../wire/key_text.ts";
import { explain } from "../../wire/rejection.ts";
import { buildRequest, nonceSizeOf } from "../../wire/request.ts";
import { formatTime } from "../../wire/timestamp.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { cannotBindMonitor } from "./monitor.ts";
import { hasKeys, type LoadedKeys } from "./key_source.ts";
import { type Output, printable, printJson } from "../terminal/output.ts";
import { CHECK_CONFIG_SCHEMA } from "../schema.ts";

/** What is to be checked and told. */
export interface CheckedConfig {
  readonly keys: LoadedKeys;
  /** As `serve()` would get them. */
  readonly listen: ServeOptions;
  readonly metrics: ListenAddress | undefined;
  readonly versions: readonly number[];
  readonly radiusSeconds: number;
  readonly maxRadiusSeconds: number;
  readonly trustClock: boolean;
  readonly validitySeconds: number;
  /** 0 for none. */
  readonly greaseProbability: number;
  /** Is version 1 answered where 0x8000000c is offered as well? */
  readonly preferRfc: boolean;
  readonly v1Context: V1Context;
  readonly statsIntervalSeconds: number;
  readonly json: boolean;
}

type Sockets = Pick<ServerEvent & { kind: "io" }, "io" | "reason">;

/**
 * Checks and tells.
 *
 * @param server With the configuration's keys, without grease, and trusting its clock.
 * @param config What else there is.
 * @throws {UsageError} If a delegation is not open, or a key does not do.
 * @throws {ServerError} If an address cannot be had.
 */
export async function checkConfig(
  server: Server,
  config: CheckedConfig,
  output: Output,
): Promise<number> {
  const keys = checkWindows(server, config.keys);
  await signOnce(server, config.versions);
  const { bound, addresses, sockets } = await bindOnce(server, config);
  const workers = sockets.io === "linux" ? config.listen.workers ?? 0 : 0;
  const { maxConnections, maxConnectionsPerAddress, cut } = await planLimits(
    config.listen,
    bound,
    workers,
  );
  const limits = { maxConnections, maxConnectionsPerAddress };
  if (config.json) {
    printJson(output, {
      schema: CHECK_CONFIG_SCHEMA,
      ok: true,
      keys,
      listen: addresses,
      tcp: config.listen.tcp ?? true,
      metrics: config.metrics && addressOf(config.metrics),
      io: sockets.io,
      ioReason: sockets.reason,
      workers,
      ...(workers > 0 && { maxDelayMicros: config.listen.maxDelayMicros }),
      limits: config.listen.tcp ? limits : undefined,
      radiusSeconds: config.radiusSeconds,
      maxRadiusSeconds: config.trustClock ? undefined : config.maxRadiusSeconds,
      trustClock: config.trustClock,
      silencedByClock: isSilenced(config),
      validitySeconds: config.validitySeconds,
      greaseProbability: config.greaseProbability,
      versions: config.versions.map(formatVersion),
      ...(config.preferRfc && { preferRfc: true }),
      ...(config.v1Context !== "rfc" && { v1Context: config.v1Context }),
      statsIntervalSeconds: config.statsIntervalSeconds,
    });
    return EXIT.ok;
  }
  const found = {
    addresses,
    sockets,
    workers,
    limits,
    isCut: cut !== undefined,
  };
  for (const line of describe(config, keys, found)) {
    output.out(printable(line));
  }
  return EXIT.ok;
}

/** A key as it is told. */
interface ToldKey {
  readonly publicKey: string;
  readonly source: string;
  readonly delegated: boolean;
  readonly notBefore?: string | undefined;
  readonly notAfter?: string | undefined;
  readonly daysLeft?: number;
}

function checkWindows(server: Server, keys: LoadedKeys): ToldKey[] {
  const now = server.getTime();
  return [
    ...keys.longTerm.map(({ key, source }) => ({
      publicKey: formatKey(key.publicKey),
      source,
      delegated: false,
    })),
    ...keys.delegated.map(({ key: { publicKey, online }, source }) => {
      const state = windowState(online, now);
      if (state !== "open") {
        throw new UsageError(
          `${source} is a delegation that ${state}`,
          state === "has ended"
            ? "make another one with 'roughly server delegate'"
            : "set the clock, or wait",
        );
      }
      return {
        publicKey: formatKey(publicKey),
        source,
        delegated: true,
        notBefore: formatTime(online.notBeforeMicros),
        notAfter: formatTime(online.notAfterMicros),
        daysLeft: Number(online.notAfterMicros - now) / 8.64e10,
      };
    }),
  ];
}

/** Has each key answer a request in each version, and believes it only as a client does. */
async function signOnce(
  server: Server,
  versions: readonly number[],
): Promise<void> {
  for (const publicKey of server.publicKeys) {
    for (const version of versions) {
      const dialect = dialectFor(version, { typed: true });
      // A request cannot say which of several keys it wants where SRV is not known.
      if (dialect?.srv !== "heeded" && server.publicKeys.length > 1) continue;
      const nonce = crypto.getRandomValues(
        new Uint8Array(nonceSizeOf([version])),
      );
      const request = buildRequest({ versions: [version], nonce, publicKey });
      const [outcome] = await server.handleBatch([request]);
      const verdict = outcome && "reply" in outcome
        ? await verifyResponse({ request, response: outcome.reply, publicKey })
        : undefined;
      if (verdict?.ok) continue;
      const why = verdict
        ? explain(verdict.rejection)
        : `it gives no answer (${
          outcome && "drop" in outcome && outcome.drop
        })`;
      throw new UsageError(
        `the key ${formatKey(publicKey)} does not work in version ${
          formatVersion(version)
        }: ${why}`,
      );
    }
  }
}

/** Binds everything at the same time, as a start does, and lets it go. */
async function bindOnce(
  server: Server,
  { listen, metrics }: CheckedConfig,
): Promise<{ bound: ListenAddress[]; addresses: string[]; sockets: Sockets }> {
  let sockets: Sockets = { io: "portable", reason: undefined };
  const told: EventSink = (event) => {
    if (event.kind === "io") sockets = event;
  };
  // Threads would answer; the sockets are the same without.
  const opened = await openAll(server, { ...listen, workers: 0 }, told);
  try {
    if (metrics) {
      const source = { metrics: () => "", problem: () => "only a check" };
      try {
        const { hostname, port } = metrics;
        await (await openMonitor(hostname, port, source)).close();
      } catch (cause) {
        throw cannotBindMonitor(metrics, cause);
      }
    }
    const bound = announced(opened)
      .filter(({ transport }) => transport === "udp")
      .map(({ address }) => address);
    const asked = new Set(
      listen.listen?.map(({ port }) => port) ?? [listen.port],
    );
    // A port that any will do for is another one at the next start.
    const addresses = bound.map(({ hostname, port }) =>
      formatAddress(hostname, asked.has(port) ? port : 0)
    );
    return { bound, addresses, sockets };
  } finally {
    await closeAll(opened);
  }
}

/** Would the server fall silent for its clock? That may change, so it refuses nothing. */
function isSilenced(config: CheckedConfig): boolean {
  if (config.trustClock) return false;
  const micros = (seconds: number) => BigInt(Math.round(seconds * 1e6));
  return judgeClock(readKernelClock(), {
    radiusMicros: micros(config.radiusSeconds),
    maxRadiusMicros: micros(config.maxRadiusSeconds),
  }).status === "stopped";
}

function addressOf({ hostname, port }: ListenAddress): string {
  return formatAddress(hostname, port);
}

/** What binding has shown. */
interface Found {
  readonly addresses: readonly string[];
  readonly sockets: Sockets;
  readonly workers: number;
  readonly limits: {
    readonly maxConnections: number;
    readonly maxConnectionsPerAddress: number;
  };
  /** Are there fewer connections than asked for? */
  readonly isCut: boolean;
}

function describe(
  config: CheckedConfig,
  keys: readonly ToldKey[],
  { addresses, sockets, workers, limits, isCut }: Found,
): string[] {
  const { listen, metrics, trustClock } = config;
  const { maxConnections, maxConnectionsPerAddress } = limits;
  return [
    ...keys.map(({ publicKey, source, delegated, daysLeft = 0, notAfter }) =>
      delegated
        ? `Delegation: ${publicKey} from ${source}, ${
          daysLeft.toFixed(1)
        } days left, until ${notAfter}`
        : `Key: ${publicKey} from ${source}`
    ),
    ...hasKeys(config.keys) ? [] : ["Key: none, so a new one at every start"],
    `Listen: ${addresses.join(", ")}, UDP${listen.tcp ? " and TCP" : ""}`,
    ...listen.tcp
      ? [
        `Connections: ${maxConnections}, ${maxConnectionsPerAddress} for each address${
          isCut
            ? "; the limit of open files, as far as it is known, allows no more"
            : ""
        }`,
      ]
      : [],
    ...metrics ? [`Metrics: ${addressOf(metrics)}`] : [],
    sockets.io === "linux"
      ? `Sockets: linux, ${workers} threads for each UDP address`
      : `Sockets: portable, one thread${
        sockets.reason === undefined ? "" : `, since ${sockets.reason}`
      }`,
    ...isSilenced(config)
      ? [
        "Clock: may be off by more than --max-radius, so nothing is signed now",
      ]
      : [],
    `Radius: ${config.radiusSeconds} s${
      trustClock
        ? ", whatever the system says of its clock"
        : `, up to ${config.maxRadiusSeconds} s where the clock may be off by more`
    }`,
    ...keys.length === 0 || keys.some(({ delegated }) => !delegated)
      ? [`Validity: ${config.validitySeconds} s for each online key`]
      : [],
    `Grease: ${
      config.greaseProbability === 0
        ? "none"
        : `${config.greaseProbability} of the replies`
    }`,
    `Versions: ${config.versions.map(formatVersion).join(", ")}`,
    ...config.preferRfc ? ["Preferred: the RFC's version"] : [],
    ...config.v1Context === "draft"
      ? ["Contexts of the RFC's version: as the drafts spell them"]
      : [],
    isSilenced(config)
      ? "The configuration is usable, but it would not answer now."
      : "The configuration is usable.",
  ];
}
