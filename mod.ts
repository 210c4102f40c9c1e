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

export type { Transport } from "./lib/transport.ts";
export type {
  Delegation,
  ParsedCertificate,
  Spelling,
} from "./lib/certificate.ts";
export {
  type QueryResult,
  type RequestOptions,
  sendRequest,
  type SendRequestOptions,
  type UnverifiedResult,
  veryDangerouslySendRequestAndDoNotVerify,
} from "./lib/client.ts";
export type { VerifyEquation } from "./lib/ed25519.ts";
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
} from "./lib/dialect.ts";
export { type HashKind } from "./lib/hash.ts";
export {
  type Exchange,
  NetworkError,
  type NetworkErrorCode,
  VerificationError,
  WireError,
  type WireErrorCode,
} from "./lib/errors.ts";
export type { Rejected } from "./lib/field.ts";
export { formatKey, parseKey } from "./lib/key_text.ts";
export type { PathOrder } from "./lib/merkle.ts";
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
} from "./lib/rejection.ts";
export type { ParsedResponse } from "./lib/response.ts";
export {
  type Verdict,
  type Verified,
  type VerifyOptions,
  verifyResponse,
} from "./lib/verify.ts";
