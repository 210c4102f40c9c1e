/**
 * The verifier alone: pure, without permissions, fit for browsers, workers and any
 * runtime with or without its own Ed25519. It judges a reply, a chain and a report.
 *
 * ```ts
 * import { explain, verifyResponse } from "@roughly/roughly/verify";
 *
 * const request = new Uint8Array(1024); // as sent
 * const response = new Uint8Array(416); // as received
 * const publicKey = new Uint8Array(32); // the server's long-term key
 * const verdict = await verifyResponse({ request, response, publicKey });
 * console.log(verdict.ok ? verdict.midpointMicros : explain(verdict.rejection));
 * ```
 *
 * @module
 */

export type { Delegation, Spelling } from "./lib/wire/certificate.ts";
export type { VerifyEquation } from "./lib/crypto/ed25519.ts";
export { type DialectId, GOOGLE_VERSION } from "./lib/wire/dialect.ts";
export {
  type Exchange,
  WireError,
  type WireErrorCode,
} from "./lib/wire/errors.ts";
export type { Rejected } from "./lib/wire/field.ts";
export type { PathOrder } from "./lib/crypto/merkle.ts";
export {
  type DocumentName,
  explain,
  type Rejection,
  REJECTION_CODES,
  type RejectionCode,
  type WireFault,
  type WireFaultCode,
} from "./lib/wire/rejection.ts";
export {
  type Verdict,
  type Verified,
  type VerifyOptions,
  verifyResponse,
} from "./lib/verify/response.ts";
export {
  type Claim,
  findViolations,
  type Violation,
} from "./lib/verify/chain.ts";
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
