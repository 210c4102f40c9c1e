/**
 * Many servers: lists of them in every known form, the one that comes with the package, and
 * what is wrong with a list.
 *
 * ```ts
 * import { findServer, loadEcosystem } from "@roughly/roughly/ecosystem";
 *
 * const list = await loadEcosystem(); // or a path, or an https: URL
 * const found = findServer(list, "roughtime.se");
 * if (found.ok) {
 *   const { publicKey, addresses: [{ host, port } = {}], offer } = found.server;
 *   console.log(host, port, publicKey, offer); // what sendRequest() takes
 * }
 * ```
 *
 * @module
 */

export {
  bundledList,
  findServer,
  type FoundServer,
} from "./lib/bundled_list.ts";
export { loadEcosystem, type LoadEcosystemOptions } from "./lib/ecosystem.ts";
export {
  type Finding,
  FINDING_CODES,
  type FindingCode,
  type LintOptions,
  lintServerList,
  type Severity,
} from "./lib/list_lint.ts";
export { operatorOf } from "./lib/operator.ts";
export type { ServerAddress } from "./lib/server_address.ts";
export {
  explainSkip,
  formatServerList,
  type ListedServer,
  parseServerList,
  type ServerList,
  type SkippedServer,
  type SkipReason,
} from "./lib/server_list.ts";
