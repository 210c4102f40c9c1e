/**
 * What `-v` shows: each step of asking a server, as a line on stderr.
 *
 * @module
 */

import type { TraceEvent } from "../../client/trace.ts";
import { findCause } from "../../net/cause.ts";
import { formatVersion } from "../../wire/dialect.ts";
import { explain } from "../../wire/rejection.ts";
import { formatMillis, type Output, printable } from "./output.ts";

/**
 * Gives what shows steps, or nothing where nobody wants to see them.
 *
 * @param output Where.
 * @param verbose Was `-v` given?
 */
export function showTrace(
  output: Output,
  verbose: boolean | undefined,
):
  | ((event: TraceEvent, server?: { readonly name: string }) => void)
  | undefined {
  if (!verbose) return undefined;
  return (event, server) => {
    const who = server === undefined ? "" : `${server.name}: `;
    output.err(`roughly: trace: ${printable(who + describeStep(event))}`);
  };
}

/** Puts a step into words. */
export function describeStep(event: TraceEvent): string {
  if (event.kind === "lookup") {
    return `${event.host} is at ${event.addresses.join(", ")}`;
  }
  const where = `${event.transport.toUpperCase()} ${event.address}`;
  switch (event.kind) {
    case "connect":
      return `${where}: connected`;
    case "send": {
      const { versions, bytes, retry } = event;
      const again = retry === 0 ? "" : `, request ${retry + 1}`;
      return `${where}: sent ${bytes} bytes offering ${
        versions.map(formatVersion).join(", ")
      }${again}`;
    }
    case "fail":
      return `${where}: failed: ${findCause(event.error).text}`;
    case "close":
      return event.broken
        ? `${where}: closed: what came is another protocol`
        : `${where}: the other end closed it without an answer`;
    case "drop":
      return `${where}: dropped ${event.bytes} bytes: ${
        event.why === "stranger"
          ? "it came from an address that was not asked"
          : `${event.why.code}: ${explain(event.why)}`
      }`;
    case "answer":
      return `${where}: answered in version ${
        formatVersion(event.version)
      } after ${formatMillis(event.rttMicros)}`;
  }
}
