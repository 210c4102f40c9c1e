/**
 * What is known of one server at this moment.
 *
 * @module
 */

import type { ServerState, WatchState } from "../lib/watch/api.ts";
import type { RoundCheck } from "./check.ts";
import { type Child, el, isolated } from "./dom.ts";
import { formatAgo, formatMoment, formatOffset, formatSpan } from "./format.ts";
import { sign, STATUS_WORDS } from "./status.ts";

/** Lists the facts. */
export function serverCard(
  server: ServerState,
  check: RoundCheck | undefined,
  state: WatchState | undefined,
): HTMLElement {
  const { status, reason, operator, address, publicKey } = server;
  const { midpointMicros, radiusMicros, rttMicros, version, transport } =
    server;
  const { delegationSecondsLeft: left, offsetMicros } = server;
  const index = state?.round?.servers.indexOf(server) ?? -1;
  const problems = check?.servers[index] ?? [];
  const facts: [string, Child][] = [
    ["Operator", isolated(operator)],
    ["Address", isolated(address)],
    ["Key", el("code", {}, publicKey)],
    [
      "Says",
      midpointMicros &&
      `${formatMoment(Number(midpointMicros))} ± ${
        formatSpan(Number(radiusMicros))
      }`,
    ],
    [
      "Offset",
      offsetMicros &&
      `${formatOffset(Number(offsetMicros.earliest))} to ${
        formatOffset(Number(offsetMicros.latest))
      }`,
    ],
    ["Round trip", rttMicros && formatSpan(Number(rttMicros))],
    [
      "Version",
      version &&
      `${version}${transport ? ` over ${transport.toUpperCase()}` : ""}`,
    ],
    [
      "Delegation",
      left === null
        ? null
        : left < 0
        ? `ended ${formatAgo(left * 1000)} ago`
        : `ends in ${formatAgo(left * 1000)}`,
    ],
  ];
  return el(
    "div",
    { class: `card ${status}` },
    el(
      "p",
      { class: "status" },
      sign(status),
      el("b", {}, STATUS_WORDS[status].label),
      ` ${reason ?? STATUS_WORDS[status].meaning}`,
    ),
    ...problems.map((one) =>
      el("p", { class: "bad" }, `✗ Checked here: ${one}`)
    ),
    el(
      "dl",
      { class: "facts" },
      ...facts.flatMap(([term, value]) =>
        value === null || value === undefined || value === ""
          ? []
          : [el("div", {}, el("dt", {}, term), el("dd", {}, value))]
      ),
    ),
  );
}
