/**
 * `roughly query`: what time is it, says this server.
 *
 * @module
 */

import {
  type QueryResult,
  type RequestOptions,
  sendRequest,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../client/send_request.ts";
import { DIALECTS, formatVersion } from "../wire/dialect.ts";
import { type Attempt, reach, tellingAll } from "../ecosystem/reach.ts";
import type { ListedServer } from "../ecosystem/list.ts";
import { formatTime } from "../wire/timestamp.ts";
import type { Transport } from "../net/transport.ts";
import { type NamedVersion, parseTarget, toOffer } from "./arguments.ts";
import { describeTried } from "../client/no_answer.ts";
import { showTrace } from "./terminal/trace.ts";
import { localClockAt, outsideBounds } from "./local_clock.ts";
import { EXIT, UsageError } from "./terminal/exit_code.ts";
import { loadList, pickServer } from "./ecosystem/list_source.ts";
import {
  formatMillis,
  formatSeconds,
  jsonTime,
  type Output,
  printable,
  printJson,
} from "./terminal/output.ts";
import { type Paint, painterFor } from "./terminal/paint.ts";
import { QUERY_SCHEMA } from "./schema.ts";

/** Options as commander gives them. */
export interface QueryOptions {
  readonly terse?: boolean;
  readonly json?: boolean;
  readonly timeout: number;
  readonly offer?: readonly NamedVersion[];
  readonly transport: "auto" | Transport;
  /** Of a server in a list, in place of a target. */
  readonly name?: string;
  /** The list to look in; the bundled one without. */
  readonly list?: string;
  /** Was more talk asked for? */
  readonly verbose?: boolean | undefined;
  readonly veryDangerouslyDisableVerification?: boolean;
}

/** Whom to ask: a server of a list, or what the words say. */
interface Asked {
  readonly listed: ListedServer | undefined;
  readonly host: string;
  readonly port: number;
  readonly publicKey: Uint8Array | undefined;
}

/** Where and how one request goes. */
type Endpoint = Pick<RequestOptions, "host" | "port" | "transport">;

/** Runs the command. */
export async function query(
  words: readonly string[],
  options: QueryOptions,
  output: Output,
): Promise<number> {
  const asked = await whomToAsk(words, options, output);
  if (options.transport === "tcp" && options.offer?.some(isUdpOnly)) {
    throw new UsageError(
      "cannot ask in Google's protocol over TCP: it has UDP only",
    );
  }
  const { publicKey } = asked;
  if (options.veryDangerouslyDisableVerification) {
    return await send(
      asked,
      options,
      output,
      (request) => queryUnverified({ ...request, publicKey }, options, output),
    );
  }
  if (publicKey === undefined) {
    throw new UsageError(
      "no public key given, so nothing could be verified",
      "add the server's long-term public key as the last word",
    );
  }
  const { endpoint, result } = await send(
    asked,
    options,
    output,
    async (request) => {
      const { host, port, transport } = request;
      const asking = () => sendRequest({ ...request, publicKey });
      const result = await showing(request, output, asking);
      return { endpoint: { host, port, transport }, result };
    },
  );
  const localMicros = localClockAt(result.receivedAt);
  warnOfSilence(result, output);
  if (options.json) {
    const name = asked.listed?.name;
    printResult(output, { ...endpoint, name }, result, localMicros);
  } else {
    for (
      const line of describe(
        result,
        options.terse,
        localMicros,
        painterFor(output),
      )
    ) {
      output.out(line);
    }
  }
  return EXIT.ok;
}

/** Shows whom it waits for. */
async function showing<T>(
  { host, port }: Endpoint,
  output: Output,
  ask: () => Promise<T>,
): Promise<T> {
  output.progress(`asking ${printable(host)} port ${port} ...`);
  try {
    return await ask();
  } finally {
    output.progress("");
  }
}

/** Sends one request to a target, or one in each way to a listed server until one succeeds. */
async function send<T>(
  { listed, host, port }: Asked,
  { transport, ...options }: QueryOptions,
  output: Output,
  ask: (request: RequestOptions) => Promise<T>,
): Promise<T> {
  const timeout = options.timeout * 1000;
  const wanted = options.offer && toOffer(options.offer);
  const onTrace = showTrace(output, options.verbose);
  if (listed === undefined) {
    const offer = wanted && { ...wanted, fallback: false };
    return await ask({ host, port, transport, timeout, onTrace, ...offer });
  }
  const how = { transport, timeoutMs: timeout, versions: wanted?.versions };
  return await reach(listed, how, (attempt) => {
    const fallback = wanted === undefined;
    const asking = ask({
      ...toRequest(attempt),
      ...wanted,
      fallback,
      onTrace: onTrace && ((event) => onTrace(event, listed)),
    });
    return tellingAll(asking, attempt.address, timeout);
  });
}

/** A way that is blocked goes unnoticed where there is another, which takes longer. */
function warnOfSilence(
  { transport, tried }: QueryResult,
  output: Output,
): void {
  const udp = tried.filter((one) => one.transport === "udp");
  if (transport !== "tcp" || udp.length === 0) return;
  output.err(
    `roughly: warning: only TCP brought an answer: ${
      printable(describeTried(udp))
    }; UDP may be blocked on the way`,
  );
}

function toRequest({ address, transport, versions, ...more }: Attempt) {
  const { host, port } = address;
  const nonce = crypto.getRandomValues(new Uint8Array(more.nonceSize));
  return { host, port, transport, versions, nonce, timeout: more.timeoutMs };
}

async function whomToAsk(
  words: readonly string[],
  options: QueryOptions,
  output: Output,
): Promise<Asked> {
  const { name, list: path, verbose } = options;
  if (name === undefined) {
    if (path !== undefined) {
      throw new UsageError("cannot use --list without --name");
    }
    if (words.length === 0) {
      throw new UsageError(
        "missing required argument 'target'",
        "see 'roughly query --help'",
      );
    }
    return { listed: undefined, ...parseTarget(words) };
  }
  if (words.length > 0) {
    throw new UsageError(
      `cannot use "${words.join(" ")}" with --name: the list has the address`,
    );
  }
  const list = await loadList(path, { output, verbose });
  const listed = pickServer(list, name);
  return { listed, host: "", port: 0, publicKey: listed.publicKey };
}

function isUdpOnly({ dialects }: NamedVersion): boolean {
  return dialects.every(({ framed }) => !framed);
}

function describe(
  result: QueryResult,
  terse: boolean | undefined,
  localMicros: bigint,
  paint: Paint,
): string[] {
  const { midpointMicros, radiusMicros, bounds, dialect, version } = result;
  if (terse) return [formatSeconds(midpointMicros)];
  const off = outsideBounds(result, localMicros);
  const time = (micros: bigint) => formatTime(micros) ?? formatSeconds(micros);
  return [
    currentTime(midpointMicros, radiusMicros),
    `True time:    between ${time(bounds.earliestMicros)} and ${
      time(bounds.latestMicros)
    }, if the server is honest`,
    `Local clock:  ${
      off === 0n ? paint("good", "within these bounds") : paint(
        "bad",
        `at least ${formatSeconds(off < 0n ? -off : off)} seconds ${
          off < 0n ? "slow" : "fast"
        }`,
      )
    }`,
    `Answered by:  ${result.address} over ${result.transport.toUpperCase()} in ${
      formatMillis(result.rttMicros)
    }, ${DIALECTS[dialect].title} (version ${formatVersion(version)})`,
  ];
}

/** The line that programs look for. */
function currentTime(midpointMicros: bigint, radiusMicros: bigint): string {
  return `Current time: ${formatSeconds(midpointMicros)} ± ${
    formatSeconds(radiusMicros)
  } seconds`;
}

function printResult(
  output: Output,
  { name, host, port }: Endpoint & { readonly name: string | undefined },
  result: QueryResult,
  localMicros: bigint,
): void {
  const { verdict, delegation, bounds, exchange } = result;
  printJson(output, {
    schema: QUERY_SCHEMA,
    ok: true,
    verified: true,
    name,
    host,
    port,
    address: result.address,
    transport: result.transport,
    tried: result.tried.length === 0 ? undefined : result.tried,
    version: formatVersion(result.version),
    dialect: result.dialect,
    midpoint: jsonTime(result.midpointMicros),
    radiusMicros: result.radiusMicros,
    rttMicros: result.rttMicros,
    bounds: {
      earliest: jsonTime(bounds.earliestMicros),
      latest: jsonTime(bounds.latestMicros),
    },
    localClock: {
      ...jsonTime(localMicros),
      outsideBoundsMicros: outsideBounds(result, localMicros),
    },
    versions: verdict.versions.map(formatVersion),
    index: verdict.index,
    pathLength: verdict.pathLength,
    pathOrder: verdict.pathOrder,
    spelling: verdict.spelling,
    delegation: {
      publicKey: delegation.publicKey,
      notBefore: jsonTime(delegation.notBeforeMicros),
      notAfter: jsonTime(delegation.notAfterMicros),
    },
    exchange,
  });
}

async function queryUnverified(
  request: Parameters<typeof veryDangerouslySendRequestAndDoNotVerify>[0],
  options: QueryOptions,
  output: Output,
): Promise<number> {
  const result = await showing(
    request,
    output,
    () => veryDangerouslySendRequestAndDoNotVerify(request),
  );
  const { midpointMicros, radiusMicros, version, dialect } = result.unverified;
  output.err(
    "roughly: warning: this answer is not verified; anybody may have sent it",
  );
  if (options.json) {
    printJson(output, {
      schema: QUERY_SCHEMA,
      ok: true,
      verified: false,
      host: request.host,
      port: request.port,
      address: result.address,
      transport: result.transport,
      version: formatVersion(version),
      dialect: dialect.id,
      midpoint: jsonTime(midpointMicros),
      radiusMicros,
      rttMicros: result.rttMicros,
      exchange: { request: result.request, response: result.response },
    });
    return EXIT.ok;
  }
  if (options.terse) {
    output.out(formatSeconds(midpointMicros));
    return EXIT.ok;
  }
  output.out(currentTime(midpointMicros, radiusMicros));
  const date = formatTime(midpointMicros) ?? "beyond the calendar";
  output.out(`As a date:    ${date}, not verified`);
  return EXIT.ok;
}
