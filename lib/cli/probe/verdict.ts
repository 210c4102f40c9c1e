/**
 * What all that `roughly probe` found comes to: which versions, over what, and whether the
 * server's clock and the local one agree.
 *
 * @module
 */

import { DIALECTS, formatVersion, GOOGLE_VERSION } from "../../wire/dialect.ts";
import { formatSeconds } from "../terminal/output.ts";
import type { Finding } from "./finding.ts";

/** Of a transport: does the server answer over it? `unknown` if it was not asked. */
export type Answers = "yes" | "no" | "unknown";

/** The sum of the findings. */
export interface ProbeVerdict {
  /** Versions that it answers, newest first; verified ones if there are any. */
  readonly versions: readonly string[];
  /** Were they verified? */
  readonly verified: boolean;
  readonly udp: Answers;
  readonly tcp: Answers;
  /**
   * How far the local clock is outside of what the server says, in microseconds: negative if
   * the local one is behind. `undefined` where no answer was verified.
   */
  readonly localClockOutsideMicros: bigint | undefined;
  /**
   * Was Google-Roughtime left out, since the server lists something newer? Only then there:
   * no list of versions can name it.
   */
  readonly googleUnasked?: true;
}

/** Sums up. */
export function sumUp(
  findings: readonly Finding[],
  beside: Pick<ProbeVerdict, "udp" | "tcp">,
): ProbeVerdict {
  const verified = findings.filter(({ status }) => status === "verified");
  const answered = verified.length > 0
    ? verified
    : findings.filter(({ status }) => status === "unverified");
  return {
    udp: beside.udp,
    tcp: beside.tcp,
    versions: [
      ...new Set(answered.map(({ version }) => formatVersion(version))),
    ],
    verified: verified.length > 0,
    localClockOutsideMicros: verified[0]?.localClockOutsideMicros,
    ...findings.some(({ status, version }) =>
      status === "unasked" && version === GOOGLE_VERSION
    ) && { googleUnasked: true },
  };
}

/** The sum in a sentence. */
export function describeVerdict(verdict: ProbeVerdict): string {
  const { versions, verified, udp, tcp } = verdict;
  if (versions.length === 0) return "Verdict: no usable answer";
  const over = [["UDP", udp], ["TCP", tcp]].filter(([, is]) => is === "yes")
    .map(([name]) => name).join(" and ");
  const not = [["UDP", udp], ["TCP", tcp]].filter(([, is]) => is === "no")
    .map(([name]) => `, not over ${name}`).join("");
  const left = verdict.googleUnasked
    ? ` (${DIALECTS.google.title} not asked)`
    : "";
  return `Verdict: speaks ${versions.join(", ")} over ${over}${not}${left}${
    verified ? "" : ", not verified"
  }; ${describeClocks(verdict.localClockOutsideMicros)}`;
}

function describeClocks(outside: bigint | undefined): string {
  if (outside === undefined) return "its clock is unknown";
  if (outside === 0n) return "its clock and the local one agree";
  const seconds = formatSeconds(outside < 0n ? -outside : outside);
  return `its clock is at least ${seconds} seconds ${
    outside < 0n ? "ahead of" : "behind"
  } the local one; ask other servers which is wrong`;
}
