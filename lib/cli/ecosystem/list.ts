/**
 * `roughly ecosystem list`: what stands in a server list. Asks no server.
 *
 * @module
 */

import type { ListedServer } from "../../ecosystem/list.ts";
import { operatorOf } from "../../ecosystem/operator.ts";
import { formatServerAddress } from "../../net/address.ts";
import { formatVersion } from "../../wire/dialect.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { findLocalList, loadList } from "./list_source.ts";
import { type Output, printable, printJson } from "../terminal/output.ts";
import { table } from "../terminal/table.ts";
import { LIST_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface ListOptions {
  readonly list?: string;
  readonly json?: boolean;
}

/** Runs the command. */
export async function ecosystemList(
  list: string | undefined,
  options: ListOptions,
  output: Output,
): Promise<number> {
  if (list !== undefined && options.list !== undefined) {
    throw new UsageError("cannot use two server lists");
  }
  const path = list ?? options.list ?? await findLocalList(output);
  const { servers, skipped } = await loadList(path, { output, verbose: true });
  const operators = new Set(servers.map(operatorOf)).size;
  if (options.json) {
    printJson(output, {
      schema: LIST_SCHEMA,
      ok: true,
      list: path,
      operators,
      servers: servers.map(jsonEntry),
      skipped: skipped.map(({ name, reason }) => ({ name, reason })),
    });
    return EXIT.ok;
  }
  const rows = servers.map((server) => [
    printable(server.name),
    printable(operatorOf(server)),
    versionOf(server) ?? "-",
    server.addresses.map((one) =>
      printable(`${one.transport} ${formatServerAddress(one)}`)
    ).join(", "),
  ]);
  const heading = ["NAME", "OPERATOR", "VERSION", "ADDRESSES"];
  for (const line of table([heading, ...rows])) output.out(line);
  const useless = skipped.length === 0
    ? ""
    : `, ${plural(skipped.length, "unusable entry", "unusable entries")}`;
  output.out(
    `${plural(servers.length, "server")} of ${
      plural(operators, "operator")
    }${useless}`,
  );
  return EXIT.ok;
}

/** The highest version that the list claims for it. */
function versionOf({ version }: ListedServer): string | undefined {
  return version === undefined ? undefined : formatVersion(version);
}

function jsonEntry(server: ListedServer): Record<string, unknown> {
  const { name, publicKey, addresses } = server;
  return {
    name,
    operator: operatorOf(server),
    publicKey,
    version: versionOf(server),
    addresses,
  };
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
