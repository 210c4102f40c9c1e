/**
 * Options of the commands that ask several servers.
 *
 * @module
 */

import type { SurveyOptions } from "../../ecosystem/measure.ts";
import type { ListedServer } from "../../ecosystem/list.ts";
import type { Transport } from "../../net/transport.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { loadList, whyUnusable } from "./list_source.ts";
import { showProgress } from "./consensus.ts";
import { showTrace } from "../terminal/trace.ts";
import type { Output } from "../terminal/output.ts";

/** Options as commander gives them. */
export interface ManyOptions {
  readonly list?: string;
  readonly timeout: number;
  readonly minServers: number;
  readonly transport: "auto" | Transport;
  readonly count?: number;
  readonly json?: boolean;
  /** Was more talk asked for? */
  readonly verbose?: boolean | undefined;
}

/** The servers that a command is to ask. */
export async function serversFor(
  list: string | undefined,
  output: Output,
): Promise<readonly ListedServer[]> {
  const read = await loadList(list, { output, verbose: true });
  const { servers } = read;
  if (servers.length > 0) return servers;
  throw new UsageError(
    `the list has no usable server: ${whyUnusable(read)}`,
    "'roughly ecosystem lint' shows what is wrong with it",
  );
}

/** What the library wants to know. */
export function surveyOptions(
  options: ManyOptions,
  output: Output,
): SurveyOptions {
  return {
    timeout: options.timeout * 1000,
    transport: options.transport,
    minVoters: options.minServers,
    onProgress: showProgress(output),
    onTrace: showTrace(output, options.verbose),
  };
}
