/**
 * One question of `roughly probe`, and what came of it.
 *
 * @module
 */

import type { Transport } from "../../net/transport.ts";
import {
  sendRequest,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../../client/send_request.ts";
import { VerificationError } from "../../wire/errors.ts";
import type { Lookup } from "../../net/resolve.ts";
import { explain } from "../../wire/rejection.ts";
import { formatTime } from "../../wire/timestamp.ts";
import type { Target } from "../arguments.ts";
import { localClockAt, outsideBounds } from "../local_clock.ts";
import { classify } from "../terminal/exit_code.ts";
import { toErrorObject } from "../terminal/failure.ts";
import { formatMillis, formatSeconds } from "../terminal/output.ts";
import type { showTrace } from "../terminal/trace.ts";
import type { TraceEvent } from "../../client/trace.ts";
import type { Finding } from "./finding.ts";

/** A version to ask for, in one of its dialects. */
export interface Question extends Pick<Finding, "version" | "dialect"> {
  /** Several versions to offer at once, in place of the one. */
  readonly offer?: readonly number[];
}

/** Whom to ask, and how. */
export interface Context {
  readonly target: Target;
  readonly options: {
    readonly timeout: number;
    readonly transport: "auto" | Transport;
  };
  readonly lookup: Lookup;
  readonly signal: AbortSignal;
  /** Told each step, and in which dialect. */
  readonly onTrace: ReturnType<typeof showTrace>;
}

/** Asks in one way. What hinders every question throws. */
export async function ask(
  { version, dialect, offer = [version] }: Question,
  { target, options, lookup, signal, onTrace }: Context,
): Promise<Finding> {
  const { host, port, publicKey } = target;
  const request = {
    host,
    port,
    timeout: options.timeout * 1000,
    transport: dialect.framed ? options.transport : "udp" as const,
    versions: offer,
    typed: dialect.type === "required",
    fallback: false,
    lookup,
    signal,
    // Many are asked at once, so each line says which of them it is about.
    onTrace: onTrace &&
      ((event: TraceEvent) => onTrace(event, { name: dialect.title })),
  };
  try {
    if (publicKey === undefined) {
      const { rttMicros, transport, unverified, ...packets } =
        await veryDangerouslySendRequestAndDoNotVerify(request);
      const { request: asked, response } = packets;
      return {
        version: offer.length === 1 ? version : unverified.version,
        dialect,
        versions: unverified.versions,
        transport,
        status: "unverified",
        detail: `answers in ${
          formatMillis(rttMicros)
        } over ${transport.toUpperCase()}; not verified without the key`,
        rttMicros,
        request: asked,
        response,
      };
    }
    const result = await sendRequest({ ...request, publicKey });
    const { midpointMicros, radiusMicros, rttMicros, exchange } = result;
    return {
      version: offer.length === 1 ? version : result.version,
      dialect,
      transport: result.transport,
      localClockOutsideMicros: outsideBounds(
        result,
        localClockAt(result.receivedAt),
      ),
      status: "verified",
      detail: `${
        formatTime(midpointMicros) ?? formatSeconds(midpointMicros)
      } ± ${formatSeconds(radiusMicros)} s, in ${
        formatMillis(rttMicros)
      } over ${result.transport.toUpperCase()}`,
      midpointMicros,
      radiusMicros,
      rttMicros,
      versions: result.verdict.versions,
      request: exchange.request,
      response: exchange.response,
    };
  } catch (cause) {
    const { code } = classify(cause);
    const error = toErrorObject(cause);
    if (cause instanceof VerificationError) {
      const { request, response } = cause.exchange;
      const detail = `${code}: ${explain(cause.rejection)}`;
      return {
        version,
        dialect,
        status: "rejected",
        error,
        detail,
        request,
        response,
      };
    }
    if (code === "timeout") {
      const detail = `no answer within ${options.timeout} s`;
      return { version, dialect, status: "failed", error, detail };
    }
    if (code === "unreachable") {
      return {
        version,
        dialect,
        status: "failed",
        error,
        detail: error.message,
      };
    }
    throw cause;
  }
}
