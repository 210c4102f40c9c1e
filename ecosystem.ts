/**
 * Many servers: lists of them, measuring with several, what a majority says, and proof of
 * who contradicts whom.
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
 * Measuring asks them one after the other, each request made from the reply before:
 *
 * ```ts
 * import { loadEcosystem, malfeasanceReport, measure } from "@roughly/roughly/ecosystem";
 *
 * async function whatTimeIsIt(): Promise<void> {
 *   const { servers } = await loadEcosystem();
 *   const { chain, outcomes, quorum, violations } = await measure(servers, { count: 5 });
 *   for (const { server, status } of outcomes) console.log(server.name, status);
 *   if (quorum.ok) console.log(quorum.bounds); // true time, if most operators are honest
 *   if (violations.length > 0) console.log(malfeasanceReport(chain)); // somebody lied
 * }
 * ```
 *
 * Limitations: a majority of liars wins, as in every vote. A contradiction proves that one of
 * two servers lied, not which.
 *
 * @module
 */

export {
  bundledList,
  findServer,
  type FoundServer,
} from "./lib/ecosystem/bundled.ts";
export {
  loadEcosystem,
  type LoadEcosystemOptions,
} from "./lib/ecosystem/load.ts";
export {
  type Finding,
  FINDING_CODES,
  type FindingCode,
  type LintOptions,
  lintServerList,
  type Severity,
} from "./lib/ecosystem/lint.ts";
export { operatorOf } from "./lib/ecosystem/operator.ts";
export type { ServerAddress } from "./lib/net/address.ts";
export {
  explainSkip,
  formatServerList,
  type ListedServer,
  parseServerList,
  type ServerList,
  type SkippedServer,
  type SkipReason,
} from "./lib/ecosystem/list.ts";
export {
  type Claim,
  findViolations,
  type Violation,
} from "./lib/verify/chain.ts";
export {
  type Link,
  measure,
  type Measurement,
  type MeasureOptions,
  pickServers,
  type Progress,
  queryServers,
  survey,
  type SurveyOptions,
} from "./lib/ecosystem/measure.ts";
export type {
  ServerOutcome,
  ServerStatus,
  Voted,
  VoteOptions,
} from "./lib/ecosystem/vote.ts";
export {
  type Answer,
  type AskListedOptions,
  type AskServer,
  type Question,
  sampleByOperator,
} from "./lib/ecosystem/pick.ts";
export {
  findQuorum,
  type Interval,
  type Quorum,
  type QuorumOptions,
  type Vote,
} from "./lib/ecosystem/quorum.ts";
export {
  type Evidence,
  malfeasanceReport,
  parseReport,
  type Report,
  type ReportEntry,
  type ReportForm,
} from "./lib/verify/report.ts";
export {
  confirmMalfeasance,
  type EntryFault,
  explainFault,
  findSuspects,
  judgeEntry,
  type JudgeOptions,
  judgeReport,
  type ProvenEntry,
  type ReportVerdict,
} from "./lib/verify/judge.ts";
export {
  REPORT_MEDIA_TYPE,
  type SubmitOptions,
  submitReport,
  type Submitted,
} from "./lib/ecosystem/submit.ts";
export type { Transport } from "./lib/net/transport.ts";
export type { Delegation, Spelling } from "./lib/wire/certificate.ts";
export type { QueryResult } from "./lib/client/send_request.ts";
export { type DialectId, GOOGLE_VERSION } from "./lib/wire/dialect.ts";
export {
  type Exchange,
  NetworkError,
  type NetworkErrorCode,
  VerificationError,
  WireError,
  type WireErrorCode,
} from "./lib/wire/errors.ts";
export type { PathOrder } from "./lib/crypto/merkle.ts";
export type {
  Datagram,
  DatagramOptions,
  DatagramSocket,
  PacketSocket,
  Peer,
} from "./lib/net/datagram.ts";
export type { Address, Lookup } from "./lib/net/resolve.ts";
export type {
  DocumentName,
  Rejection,
  RejectionCode,
  WireFault,
  WireFaultCode,
} from "./lib/wire/rejection.ts";
export type { Verified } from "./lib/verify/response.ts";
