/**
 * `roughly probe`: which versions a server speaks, and why it does not speak the others.
 *
 * @module
 */

import type { Transport } from "../ask.ts";
import {
  sendRequest,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../client.ts";
import { type Dialect, DIALECTS, formatVersion } from "../dialect.ts";
import { VerificationError } from "../errors.ts";
import { explain } from "../rejection.ts";
import { formatTime } from "../timestamp.ts";
import { parseTarget, type Target } from "./arguments.ts";
import { dumpPacket, formatDump } from "./dump.ts";
import { classify, EXIT, UsageError } from "./exit_code.ts";
import {
  formatMillis,
  formatSeconds,
  jsonTime,
  type Output,
  printable,
  printJson,
  table,
} from "./output.ts";

/** Options as commander gives them. */
export interface ProbeOptions {
  readonly json?: boolean;
  readonly dump?: boolean;
  readonly timeout: number;
  readonly offer?: readonly number[];
  readonly transport: "auto" | Transport;
}

/** Names the output's form. */
export const PROBE_SCHEMA = "roughly/probe/1";

/** What came of asking in one dialect. */
interface Finding {
  readonly dialect: Dialect;
  readonly status: "verified" | "unverified" | "rejected" | "failed";
  readonly code?: string;
  readonly detail: string;
  readonly midpointMicros?: bigint;
  readonly radiusMicros?: bigint;
  readonly rttMicros?: bigint;
  readonly request?: Uint8Array;
  readonly response?: Uint8Array;
}

/** Runs the command. */
export async function probe(
  words: readonly string[],
  options: ProbeOptions,
  output: Output,
): Promise<number> {
  const target = parseTarget(words);
  const { offer } = options;
  const dialects = Object.values(DIALECTS).reverse().filter(({ code }) =>
    offer === undefined || offer.includes(code)
  );
  if (dialects.length === 0) {
    throw new UsageError("none of these versions is known");
  }
  output.progress(
    `asking ${
      printable(target.host)
    } port ${target.port} in ${dialects.length} ways ...`,
  );
  let findings: Finding[];
  try {
    findings = await Promise.all(
      dialects.map((dialect) => ask(target, dialect, options)),
    );
  } finally {
    output.progress("");
  }
  if (options.json) printFindings(output, target, findings, options);
  else describe(output, target, findings, options);
  if (findings.some(({ status }) => status === "verified")) return EXIT.ok;
  if (findings.some(({ status }) => status === "rejected")) {
    return EXIT.rejected;
  }
  return findings.some(({ status }) => status === "unverified")
    ? EXIT.ok
    : EXIT.noAnswer;
}

async function ask(
  { host, port, publicKey }: Target,
  dialect: Dialect,
  { timeout, transport }: ProbeOptions,
): Promise<Finding> {
  const request = {
    host,
    port,
    timeout: timeout * 1000,
    transport: dialect.framed ? transport : "udp" as const,
    versions: [dialect.code],
    typed: dialect.type === "required",
    fallback: false,
  };
  try {
    if (publicKey === undefined) {
      const { request: asked, response, rttMicros } =
        await veryDangerouslySendRequestAndDoNotVerify(request);
      return {
        dialect,
        status: "unverified",
        detail: `answers in ${
          formatMillis(rttMicros)
        }; not verified without the key`,
        rttMicros,
        request: asked,
        response,
      };
    }
    const result = await sendRequest({ ...request, publicKey });
    const { midpointMicros, radiusMicros, rttMicros, exchange } = result;
    return {
      dialect,
      status: "verified",
      detail: `${
        formatTime(midpointMicros) ?? formatSeconds(midpointMicros)
      } ± ${formatSeconds(radiusMicros)} s, in ${
        formatMillis(rttMicros)
      } over ${result.transport.toUpperCase()}`,
      midpointMicros,
      radiusMicros,
      rttMicros,
      request: exchange.request,
      response: exchange.response,
    };
  } catch (error) {
    const { code } = classify(error);
    if (error instanceof VerificationError) {
      const { request, response } = error.exchange;
      const detail = `${code}: ${explain(error.rejection)}`;
      return { dialect, status: "rejected", code, detail, request, response };
    }
    if (code === "unexpected" || code === "name" || code === "denied") {
      throw error;
    }
    const detail = code === "timeout"
      ? `no answer within ${timeout} s`
      : (error as Error).message;
    return { dialect, status: "failed", code, detail };
  }
}

function describe(
  output: Output,
  target: Target,
  findings: readonly Finding[],
  { dump }: ProbeOptions,
): void {
  const rows = [["VERSION", "SPECIFICATION", "ANSWER", "DETAIL"]];
  for (const { dialect, status, detail } of findings) {
    rows.push([
      formatVersion(dialect.code),
      dialect.title,
      status === "failed" ? "no" : status === "verified" ? "yes" : status,
      detail,
    ]);
  }
  for (const line of table(rows)) output.out(printable(line));
  if (target.publicKey === undefined) {
    output.err(
      "roughly: hint: add the server's public key to have answers verified",
    );
  }
  if (!dump) return;
  for (const { dialect, request, response } of findings) {
    for (
      const [name, packet] of [["request", request], [
        "reply",
        response,
      ]] as const
    ) {
      if (packet === undefined) continue;
      output.out("");
      output.out(`${dialect.title}, ${name}, ${packet.length} bytes`);
      for (const line of formatDump(dumpPacket(packet, dialect))) {
        output.out(line);
      }
    }
  }
}

function printFindings(
  output: Output,
  { host, port }: Target,
  findings: readonly Finding[],
  { dump }: ProbeOptions,
): void {
  for (const finding of findings) {
    const { dialect, status, code, detail, request, response } = finding;
    const { midpointMicros, radiusMicros, rttMicros } = finding;
    printJson(output, {
      schema: PROBE_SCHEMA,
      ok: status === "verified",
      host,
      port,
      version: formatVersion(dialect.code),
      dialect: dialect.id,
      status,
      code,
      detail,
      midpoint: midpointMicros === undefined
        ? undefined
        : jsonTime(midpointMicros),
      radiusMicros,
      rttMicros,
      request,
      response,
      ...(dump && request && response
        ? {
          decoded: {
            request: dumpPacket(request, dialect),
            response: dumpPacket(response, dialect),
          },
        }
        : {}),
    });
  }
}
