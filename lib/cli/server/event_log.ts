/**
 * A running server's events and numbers as lines of a log.
 *
 * @module
 */

import { type ServerCounters, sumDropped } from "../../server/counters.ts";
import type { ClockCause } from "../../server/clock_guard.ts";
import type { EventSink, ServerEvent } from "../../server/event.ts";
import { formatTime } from "../../wire/timestamp.ts";
import { messageOf } from "../terminal/failure.ts";
import { LISTENING, type Log, type LogFields, STATS } from "../terminal/log.ts";
import { formatSeconds } from "../terminal/output.ts";

/** Writes events to a log. */
export function logEvents(log: Log): EventSink {
  return (event) => {
    switch (event.kind) {
      case "listening": {
        const { transport, address } = event;
        return log.log("info", LISTENING, { transport, address });
      }
      case "io": {
        const { io, workers, reason } = event;
        return log.log("info", "sockets", {
          io,
          workers,
          ...(reason === undefined ? {} : { reason }),
        });
      }
      case "any-source": {
        return log.log(
          "info",
          "replies leave from an address of the system's choice",
          {
            address: event.address,
            hint: "with several addresses, --listen on each",
          },
        );
      }
      case "buffer-cut": {
        const { wantedBytes, givenBytes } = event;
        return givenBytes === undefined
          ? log.log("info", "receive buffer left at the system's default", {
            wanted: wantedBytes,
          })
          : log.log("warning", "receive buffer cut by the kernel", {
            wanted: wantedBytes,
            given: givenBytes,
            hint: `sysctl net.core.rmem_max=${wantedBytes}`,
          });
      }
      case "connections-cut": {
        const { wanted, given, files } = event;
        return log.log("warning", "fewer connections than asked for", {
          wanted,
          given,
          hint: files === undefined
            ? "--allow-ffi tells how many files may be open"
            : "raise the limit of open files",
        });
      }
      case "rotated":
        return log.log("info", "online key replaced", {
          until: formatTime(event.notAfterMicros),
        });
      case "delegation-ending": {
        const { secondsLeft } = event;
        return secondsLeft > 0
          ? log.log("warning", "delegation ends soon", { secondsLeft })
          : log.log("error", "delegation ended: nothing is signed");
      }
      case "clock-status": {
        const radius = `${formatSeconds(event.radiusMicros)}s`;
        switch (event.status) {
          case "ok":
            return log.log("info", "clock is in step", { radius });
          case "unknown":
            return log.log("info", "the system does not say how its clock is");
          case "widened":
            return log.log("warning", "clock may be off: radius widened", {
              radius,
              ...whyOff(event),
            });
          case "stopped":
            return log.log("error", "clock may be off: nothing is signed", {
              radius,
              ...whyOff(event),
            });
        }
        return;
      }
      case "clock-step":
        return log.log("warning", "clock was stepped", {
          by: `${formatSeconds(event.stepMicros)}s`,
        });
      case "listener-down": {
        const { transport, address } = event;
        return log.log("error", "no answer from a listener, opening it anew", {
          transport,
          address,
        });
      }
      case "listener-up": {
        const { transport, address } = event;
        return log.log("info", "a listener answers again", {
          transport,
          address,
        });
      }
      case "panic":
        return log.log("error", "unforeseen fault, one request dropped", {
          error: messageOf(event.error),
        });
      case "gave-up":
        return log.log("error", "too many faults, stopping", {
          what: event.what,
        });
      case "restarted":
        return log.log("error", "unforeseen fault, restarted", {
          what: event.what,
        });
    }
  };
}

type ClockStatusEvent = Extract<ServerEvent, { kind: "clock-status" }>;

/** Why a clock may be off, and what to do. */
function whyOff(
  { status, cause, maxErrorMicros }: ClockStatusEvent,
): LogFields {
  if (cause === undefined) return {};
  const said = { cause: CAUSES[cause] };
  const error = maxErrorMicros === undefined
    ? {}
    : { error: `${formatSeconds(maxErrorMicros)}s` };
  // Widening for a leap second is as it should be, until it makes the server fall silent.
  if (cause === "leap-second" && status === "widened") return said;
  return { ...said, ...error, hint: HINTS[cause] };
}

/** What is said of a clock that is not trusted as it is. */
export const CAUSES: Readonly<Record<ClockCause, string>> = {
  "unsynchronised": "the kernel was not told that anything keeps it in step",
  "error-bound": "the kernel's bound of its error has grown",
  "leap-second": "a leap second is near",
};

const ELSE =
  "--max-radius says how far off is too far, --trust-clock not to ask the kernel";

const HINTS: Readonly<Record<ClockCause, string>> = {
  "unsynchronised":
    `run chrony with rtcsync, ntpd or systemd-timesyncd and see 'timedatectl timesync-status' or 'chronyc tracking'; ${ELSE}`,
  "error-bound":
    `see 'chronyc tracking' or 'timedatectl timesync-status' whether its sources answer; ${ELSE}`,
  "leap-second": ELSE,
};

/** Writes the numbers so far. */
export function logStats(log: Log, counters: ServerCounters): void {
  const { udp, tcp, batches, batchedRequests } = counters;
  log.log("info", STATS, {
    received: udp.received + tcp.received,
    answered: udp.answered + tcp.answered,
    dropped: sumDropped(udp) + sumDropped(tcp),
    batches,
    meanBatch: batches === 0
      ? 0
      : Number((batchedRequests / batches).toFixed(1)),
    tcpConnections: counters.tcpAccepted - counters.tcpCompleted,
    rotations: counters.rotations,
    clockSteps: counters.clockSteps,
    panics: counters.panics,
  });
}
