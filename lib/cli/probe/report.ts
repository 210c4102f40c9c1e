/**
 * What `roughly probe` prints.
 *
 * @module
 */

import { formatVersion } from "../../wire/dialect.ts";
import type { Target } from "../arguments.ts";
import { dumpPacket, formatDump } from "../dump.ts";
import {
  jsonTime,
  type Output,
  printable,
  printJson,
} from "../terminal/output.ts";
import { painterFor, type Tone } from "../terminal/paint.ts";
import { type Cell, table } from "../terminal/table.ts";
import { describeVerdict, type ProbeVerdict } from "./verdict.ts";
import { failuresOverTcp, type Finding } from "./finding.ts";
import { PROBE_SCHEMA, PROBE_VERDICT_SCHEMA } from "../schema.ts";

/** What there is to print. */
export interface Probed {
  readonly findings: readonly Finding[];
  readonly verdict: ProbeVerdict;
}

/** Prints a table, and below it the packets if they are wanted. */
export function printAsText(
  output: Output,
  target: Target,
  { findings, verdict }: Probed,
  dump: boolean,
): void {
  const rows: Cell[][] = [["VERSION", "SPECIFICATION", "ANSWER", "DETAIL"]];
  for (const { version, dialect, status, detail } of findings) {
    rows.push([
      formatVersion(version),
      dialect.title,
      toned(status),
      printable(detail),
    ]);
  }
  for (const line of table(rows, painterFor(output))) output.out(line);
  output.out("");
  output.out(describeVerdict(verdict));
  printHint(output, target, findings);
  if (!dump) return;
  for (const { dialect, request, response } of findings) {
    const packets = [["request", request], ["response", response]] as const;
    for (const [name, packet] of packets) {
      if (packet === undefined) continue;
      output.out("");
      output.out(`${dialect.title}, ${name}, ${packet.length} bytes`);
      for (const line of formatDump(dumpPacket(packet, dialect), name)) {
        output.out(line);
      }
    }
  }
}

/** What stands in the table. */
const ANSWER = {
  verified: "yes",
  unverified: "unverified",
  rejected: "rejected",
  failed: "no",
  unasked: "-",
} as const;

const TONES: Readonly<Partial<Record<Finding["status"], Tone>>> = {
  verified: "good",
  unverified: "doubtful",
  rejected: "bad",
};

function toned(status: Finding["status"]): Cell {
  const tone = TONES[status];
  const text = ANSWER[status];
  return tone === undefined ? text : { text, tone };
}

/** Prints a line of JSON for each version. */
export function printAsJson(
  output: Output,
  target: Target,
  { findings, verdict }: Probed,
  dump: boolean,
): void {
  const { host, port } = target;
  for (const finding of findings) {
    const { version, dialect, status, error, detail } = finding;
    const { midpointMicros, request, response } = finding;
    printJson(output, {
      schema: PROBE_SCHEMA,
      ok: error === undefined && status !== "unasked",
      verified: status === "verified",
      host,
      port,
      version: formatVersion(version),
      dialect: dialect.id,
      status,
      error,
      detail,
      midpoint: midpointMicros === undefined
        ? undefined
        : jsonTime(midpointMicros),
      radiusMicros: finding.radiusMicros,
      rttMicros: finding.rttMicros,
      versions: finding.versions?.map(formatVersion),
      request,
      response,
      decoded: dump && request && response
        ? {
          request: dumpPacket(request, dialect),
          response: dumpPacket(response, dialect),
        }
        : undefined,
    });
  }
  printJson(output, {
    schema: PROBE_VERDICT_SCHEMA,
    ok: verdict.versions.length > 0,
    host,
    port,
    ...verdict,
  });
  printHint(output, target, findings);
}

function printHint(
  output: Output,
  target: Target,
  findings: readonly Finding[],
): void {
  const hint = hintFor(target, findings);
  if (hint !== undefined) output.err(`roughly: hint: ${hint}`);
}

function hintFor(
  { publicKey }: Target,
  findings: readonly Finding[],
): string | undefined {
  if (publicKey === undefined) {
    return "add the server's public key to have answers verified";
  }
  if (findings.some(({ status }) => status === "verified")) return undefined;
  const codes = findings.filter(({ status }) => status !== "unasked")
    .map(({ error }) => error?.code);
  if (codes.includes("certificate-signature")) {
    return "the key may be wrong; from draft 10 on, servers do not answer a request for another key";
  }
  if (!codes.every((code) => code === "timeout")) return undefined;
  return findings.some((finding) => failuresOverTcp(finding).length > 0)
    ? "TCP fails there as well: check the address and the port; if both are right, try without the key"
    : "from draft 10 on, servers do not answer if the key is wrong; nor does, whatever the key, one that does not trust its own clock; try without the key";
}
