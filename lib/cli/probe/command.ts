/**
 * `roughly probe`: which versions a server speaks, and why it does not speak the others.
 *
 * @module
 */

import type { Transport } from "../../net/transport.ts";
import {
  sendRequest,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../../client/send_request.ts";
import { dialectFor, DIALECTS } from "../../wire/dialect.ts";
import { VerificationError } from "../../wire/errors.ts";
import { type Lookup, systemLookup } from "../../net/resolve.ts";
import { explain } from "../../wire/rejection.ts";
import { formatTime } from "../../wire/timestamp.ts";
import { type NamedVersion, parseTarget, type Target } from "../arguments.ts";
import type { TraceEvent } from "../../client/trace.ts";
import { showTrace } from "../terminal/trace.ts";
import { classify, EXIT, UsageError } from "../terminal/exit_code.ts";
import { toErrorObject } from "../terminal/failure.ts";
import {
  formatMillis,
  formatSeconds,
  type Output,
  printable,
} from "../terminal/output.ts";
import type { Finding } from "./finding.ts";
import { printAsJson, printAsText } from "./report.ts";

/** Options as commander gives them. */
export interface ProbeOptions {
  readonly json?: boolean;
  readonly dump?: boolean;
  readonly timeout: number;
  readonly offer?: readonly NamedVersion[];
  readonly transport: "auto" | Transport;
  /** Was more talk asked for? */
  readonly verbose?: boolean | undefined;
}

/** A version to ask for, in one of its dialects. */
type Question = Pick<Finding, "version" | "dialect">;

/** Runs the command. */
export async function probe(
  words: readonly string[],
  options: ProbeOptions,
  output: Output,
): Promise<number> {
  const target = parseTarget(words);
  const questions = questionsFor(options);
  output.progress(
    `asking ${
      printable(target.host)
    } port ${target.port} in ${questions.length} ways ...`,
  );
  let findings: Finding[];
  try {
    findings = explainSilence(await askAll(questions, target, options, output));
  } finally {
    output.progress("");
  }
  const print = options.json ? printAsJson : printAsText;
  print(output, target, findings, options.dump ?? false);
  const came = new Set(findings.map(({ status }) => status));
  if (came.has("verified")) return EXIT.ok;
  if (came.has("rejected")) return EXIT.rejected;
  return came.has("unverified") ? EXIT.ok : EXIT.noAnswer;
}

function questionsFor({ offer, transport }: ProbeOptions): Question[] {
  const all = Object.values(DIALECTS).reverse();
  const questions = offer
    ? offer.flatMap(({ code: version, dialects }) =>
      dialects.map((dialect) => ({ version, dialect }))
    )
    : all.map((dialect) => ({ version: dialect.code, dialect }));
  // Google's protocol is UDP only.
  const askable = questions.filter(({ dialect }) =>
    dialect.framed || transport !== "tcp"
  );
  if (askable.length === 0) {
    throw new UsageError("cannot ask google's protocol over TCP: it has none");
  }
  return askable;
}

/** Asks everything at once. What hinders one question hinders all of them, so it throws. */
async function askAll(
  questions: readonly Question[],
  target: Target,
  options: ProbeOptions,
  output: Output,
): Promise<Finding[]> {
  let addresses: ReturnType<Lookup> | undefined;
  const lookup: Lookup = (host) => addresses ??= systemLookup(host);
  const hindered = new AbortController();
  const { signal } = hindered;
  const onTrace = showTrace(output, options.verbose);
  const context = { target, options, lookup, signal, onTrace };
  const asked = questions.map((question) =>
    ask(question, context).catch((error) => {
      hindered.abort(error);
      throw error;
    })
  );
  await Promise.allSettled(asked);
  hindered.signal.throwIfAborted();
  return await Promise.all(asked);
}

interface Context {
  readonly target: Target;
  readonly options: ProbeOptions;
  readonly lookup: Lookup;
  readonly signal: AbortSignal;
  readonly onTrace: ReturnType<typeof showTrace>;
}

async function ask(
  { version, dialect }: Question,
  { target, options, lookup, signal, onTrace }: Context,
): Promise<Finding> {
  const { host, port, publicKey } = target;
  const request = {
    host,
    port,
    timeout: options.timeout * 1000,
    transport: dialect.framed ? options.transport : "udp" as const,
    versions: [version],
    typed: dialect.type === "required",
    fallback: false,
    lookup,
    signal,
    // All are asked at once, so each line says which of them it is about.
    onTrace: onTrace &&
      ((event: TraceEvent) => onTrace(event, { name: dialect.title })),
  };
  const question = { version, dialect };
  try {
    if (publicKey === undefined) {
      const { rttMicros, transport, ...packets } =
        await veryDangerouslySendRequestAndDoNotVerify(request);
      const { request: asked, response } = packets;
      return {
        ...question,
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
      ...question,
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
        ...question,
        status: "rejected",
        error,
        detail,
        request,
        response,
      };
    }
    if (code === "timeout") {
      const detail = `no answer within ${options.timeout} s`;
      return { ...question, status: "failed", error, detail };
    }
    if (code === "unreachable") {
      return { ...question, status: "failed", error, detail: error.message };
    }
    throw cause;
  }
}

/** Sets what the server's signed list of versions says beside the silence about them. */
function explainSilence(findings: readonly Finding[]): Finding[] {
  const listed = findings.flatMap(({ versions = [] }) => versions);
  if (listed.length === 0) return [...findings];
  return findings.map((finding) => {
    const { error, version, dialect, detail } = finding;
    // The list has no place for a protocol without version numbers.
    if (error?.code !== "timeout" || !dialect.framed) return finding;
    const known = dialectFor(version, { typed: true })?.code ?? version;
    return {
      ...finding,
      detail: detail +
        (listed.includes(version) || listed.includes(known)
          ? ", though the server lists this version"
          : "; the server does not list this version"),
    };
  });
}
