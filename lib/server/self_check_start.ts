/**
 * Sets a running server's self-check going: what it asks, when, and what it heeds.
 *
 * @module
 */

import { every } from "../net/heartbeat.ts";
import { askSelf } from "../net/self_query.ts";
import { DEFAULT_OFFER, GOOGLE_VERSION } from "../wire/dialect.ts";
import { buildRequest, nonceSizeOf } from "../wire/request.ts";
import { Server } from "./core.ts";
import type { EventSink } from "./event.ts";
import { isSelective, randomBytes } from "./options.ts";
import {
  type CheckedListener,
  type ListenerState,
  SelfCheck,
  TICK_MS,
} from "./self_check.ts";
import type { ServeOptions } from "./serve_options.ts";

/** A self-check that goes on by itself. */
export interface RunningCheck {
  /** What was found last. */
  readonly states: readonly ListenerState[];
  /** Questions asked so far. */
  readonly asked: number;
  /** Ends it, a question that is under way included. */
  stop(): void;
}

/** How often, where nobody says. */
const DEFAULT_SECONDS = 20;

/** Connections after which TCP is worth a look: what kills a listener comes in crowds. */
const CROWD = 64;

/** How long an answer may take. */
const TIMEOUT_MS = 1000;

/**
 * A request that the server should answer.
 *
 * @param versions What it speaks, ascending.
 */
export function selfRequest(versions: readonly number[]): Uint8Array {
  const version = versions.findLast((one) => DEFAULT_OFFER.includes(one)) ??
    versions.at(-1) ?? GOOGLE_VERSION;
  const offer = [version];
  return buildRequest({
    versions: offer,
    nonce: randomBytes(nonceSizeOf(offer)),
  });
}

/**
 * Starts it. A server that decides for itself whom it answers may have its reasons to keep
 * silent to its own machine, so there it has to be asked for.
 *
 * @param server The server.
 * @param listeners Where it listens.
 * @param options How often.
 * @param tell Told when a listener falls silent and when it answers again.
 * @throws {ServerError} With code `config` if the interval is none.
 */
export function startSelfCheck(
  server: Server,
  listeners: readonly CheckedListener[],
  options: ServeOptions,
  tell: EventSink,
): RunningCheck {
  const {
    selfCheckSeconds: seconds = isSelective(server, Server.prototype)
      ? 0
      : DEFAULT_SECONDS,
  } = options;
  const end = new AbortController();
  const { counters } = server;
  const check = new SelfCheck(listeners, {
    everyMs: seconds * 1000,
    ask: (listener) =>
      askSelf(listener, selfRequest(server.versions), {
        timeoutMs: TIMEOUT_MS,
        signal: end.signal,
      }),
    mayAnswer: () =>
      !end.signal.aborted && server.canSign && server.clockStatus !== "stopped",
    crowding: () =>
      counters.tcpRejected + counters.tcpEvicted +
      Math.floor(counters.tcpAccepted / CROWD),
    tell,
  });
  const endTicks = seconds === 0
    ? undefined
    : every(TICK_MS, () => void check.tick());
  return {
    get states() {
      return check.states;
    },
    get asked() {
      return check.asked;
    },
    stop: () => {
      endTicks?.();
      end.abort();
    },
  };
}
