/**
 * What a server has to tell its operator. The library does not log; it hands these to
 * whoever asks for them.
 *
 * @module
 */

import type { ClockCause, ClockStatus } from "./clock_guard.ts";

/** Something worth a line in a log. */
export type ServerEvent =
  | {
    readonly kind: "listening";
    readonly transport: "udp" | "tcp";
    readonly address: string;
  }
  | {
    readonly kind: "io";
    readonly io: "portable" | "linux";
    /** Threads for each UDP address; 0 if there is none but the main one. */
    readonly workers: number;
    /** Why the system's own calls are not used. */
    readonly reason: string | undefined;
  }
  | {
    /** On all of a machine's addresses, replies may leave from another than was asked. */
    readonly kind: "any-source";
    readonly address: string;
  }
  | {
    readonly kind: "buffer-cut";
    readonly wantedBytes: number;
    readonly givenBytes: number | undefined;
  }
  | {
    readonly kind: "connections-cut";
    readonly wanted: number;
    readonly given: number;
    /** Files that the process may have open, `undefined` where nobody knows. */
    readonly files?: number | undefined;
  }
  | {
    readonly kind: "rotated";
    readonly notAfterMicros: bigint;
  }
  | {
    readonly kind: "delegation-ending";
    readonly secondsLeft: number;
  }
  | {
    readonly kind: "clock-status";
    readonly status: ClockStatus;
    readonly radiusMicros: bigint;
    /** Why it is not the operator's choice. */
    readonly cause?: ClockCause | undefined;
    /** How far the kernel thinks the clock may be off, in microseconds. */
    readonly maxErrorMicros?: bigint | undefined;
  }
  | { readonly kind: "clock-step"; readonly stepMicros: bigint }
  | {
    /** A listener does not answer the server itself, and is opened anew; or does again. */
    readonly kind: "listener-down" | "listener-up";
    readonly transport: "udp" | "tcp";
    readonly address: string;
  }
  | { readonly kind: "panic"; readonly error: unknown }
  | { readonly kind: "restarted"; readonly what: string }
  | { readonly kind: "gave-up"; readonly what: string };

/** Takes events; must not throw. */
export type EventSink = (event: ServerEvent) => void;

/** Whoever listens must not be able to stop the server, nor to keep it from starting. */
export function guarded(sink: EventSink | undefined): EventSink {
  return (event) => {
    try {
      sink?.(event);
    } catch {
      // Its fault, and nobody to tell.
    }
  };
}
