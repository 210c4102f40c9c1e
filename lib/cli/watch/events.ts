/**
 * What happens to a watcher, as lines: for people, or as JSON.
 *
 * @module
 */

import type { WatchEvent } from "../../watch/watch_event.ts";
import { lowerFirst } from "../terminal/failure.ts";
import {
  formatSeconds,
  type Output,
  printable,
  printJson,
} from "../terminal/output.ts";
import { WATCH_SCHEMA } from "../schema.ts";

/** Gives what prints events. */
export function showEvents(
  { json }: { readonly json?: boolean },
  output: Output,
): (event: WatchEvent) => void {
  return (event) => {
    output.progress("");
    if (json) printJson(output, { schema: WATCH_SCHEMA, ...event });
    else if (event.event === "round") {
      const at = new Date(event.round.endedAtMs).toISOString();
      output.out(`${at} ${printable(event.summary)}`);
    }
    // What is wrong is said on stderr whatever the form: nobody looks at JSON all night.
    for (const line of troublesOf(event)) {
      output.err(`roughly: ${printable(line)}`);
    }
  };
}

function troublesOf(event: WatchEvent): string[] {
  switch (event.event) {
    case "round":
      return [];
    case "contradiction": {
      const { pairs, file, problem } = event;
      // Said once; whoever lies goes on lying, round after round.
      if (file === null && problem === null) return [];
      return [
        ...pairs.map(({ before, after, byMicros }) =>
          `warning: proven: ${before} and then ${after} contradict each other by ${
            formatSeconds(BigInt(byMicros))
          } seconds, so one of the two lied`
        ),
        ...file === null ? [] : [`the report is in ${file}`],
        ...problem === null
          ? []
          : [`error: cannot write a report of it: ${problem}`],
      ];
    }
    case "list":
      return event.problem === null
        ? [`watching ${event.servers} servers of ${event.source}`]
        : [
          `warning: cannot read ${event.source}: ${
            lowerFirst(event.problem)
          }; going on with the ${event.servers} servers known`,
        ];
    case "history":
      if (event.movedTo !== undefined) {
        return [
          `error: the history was damaged and is now ${event.movedTo}; a new one is begun`,
        ];
      }
      return event.writing ? ["history is written again"] : [
        `error: history is not written: ${
          lowerFirst(event.problem ?? "")
        }; trying again with each round`,
      ];
    case "error":
      return [`error: a round failed: ${event.message}`];
  }
}
