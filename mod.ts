/**
 * Roughtime for TypeScript: ask a server for a signed, rough time and verify the answer,
 * whichever version of the protocol it speaks (Google-Roughtime, drafts 01-19, RFC 10049).
 *
 * ```ts
 * import { sendRequest } from "@roughly/roughly";
 * import { serve, Server } from "@roughly/roughly/server";
 *
 * const server = await Server.create(); // stands in for a real one
 * await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
 *
 * const { signedResponse } = await sendRequest({
 *   host: "127.0.0.1",
 *   port: running.address.port,
 *   publicKey: server.publicKeys[0]!,
 * });
 * console.log(`time: ${signedResponse.midpoint} ± ${signedResponse.radius} s`);
 * ```
 *
 * Limitations: one server can lie undetected. A verified answer proves who said it and
 * that it was said after the request; whether it is true only several servers can tell.
 *
 * @module
 */

export type { Transport } from "./lib/net/transport.ts";
export type {
  Delegation,
  ParsedCertificate,
  Spelling,
} from "./lib/wire/certificate.ts";
export {
  type QueryResult,
  type RequestOptions,
  sendRequest,
  type SendRequestOptions,
  type UnverifiedResult,
  veryDangerouslySendRequestAndDoNotVerify,
} from "./lib/client/send_request.ts";
export type { VerifyEquation } from "./lib/crypto/ed25519.ts";
export {
  type ContextKind,
  DEFAULT_OFFER,
  type Dialect,
  dialectFor,
  type DialectId,
  DIALECTS,
  formatVersion,
  GOOGLE_VERSION,
  type TimeUnit,
} from "./lib/wire/dialect.ts";
export { type HashKind } from "./lib/crypto/hash.ts";
export {
  type Exchange,
  type FailureContext,
  type FailureReason,
  type FailureStep,
  NetworkError,
  type NetworkErrorCode,
  VerificationError,
  WireError,
  type WireErrorCode,
} from "./lib/wire/errors.ts";
export type { Rejected } from "./lib/wire/field.ts";
export { formatKey, parseKey } from "./lib/wire/key_text.ts";
export type { PathOrder } from "./lib/crypto/merkle.ts";
export type {
  Datagram,
  DatagramOptions,
  DatagramSocket,
  Peer,
} from "./lib/net/datagram.ts";
export type { Address, Lookup } from "./lib/net/resolve.ts";
export {
  type DocumentName,
  explain,
  type Rejection,
  REJECTION_CODES,
  type RejectionCode,
  type WireFault,
  type WireFaultCode,
} from "./lib/wire/rejection.ts";
export type { ParsedResponse } from "./lib/wire/response.ts";
export {
  type Verdict,
  type Verified,
  type VerifyOptions,
  verifyResponse,
} from "./lib/verify/response.ts";
