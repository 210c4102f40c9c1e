/**
 * The wire itself, for tool writers and fuzzers: tags, messages, frames, timestamps,
 * requests, replies, chains and the table of dialects. Pure; needs no permissions.
 *
 * ```ts
 * import { buildRequest, decodeMessage, parseRequest } from "@roughly/roughly/wire";
 *
 * const nonce = crypto.getRandomValues(new Uint8Array(32));
 * const packet = buildRequest({ versions: [1, 0x8000000c], nonce });
 * console.log(parseRequest(packet).ok, decodeMessage(packet).ok);
 * ```
 *
 * @module
 */

export {
  chainNonce,
  type Claim,
  findViolations,
  type Violation,
} from "./lib/verify/chain.ts";
export {
  ALIASES,
  type ContextKind,
  DEFAULT_OFFER,
  type Dialect,
  dialectFor,
  type DialectId,
  DIALECTS,
  formatVersion,
  GOOGLE_VERSION,
  SERVER_VERSIONS,
  type TimeUnit,
} from "./lib/wire/dialect.ts";
export { type HashKind } from "./lib/crypto/hash.ts";
export { WireError, type WireErrorCode } from "./lib/wire/errors.ts";
export type { Rejected } from "./lib/wire/field.ts";
export { frame, isFramed, unframe, type Unframed } from "./lib/wire/frame.ts";
export {
  type DecodedMessage,
  decodeMessage,
  encodedSize,
  encodeMessage,
  type Entry,
  Message,
} from "./lib/wire/message.ts";
export type {
  DocumentName,
  Rejection,
  WireFault,
  WireFaultCode,
} from "./lib/wire/rejection.ts";
export {
  buildRequest,
  type BuildRequestOptions,
  nonceSizeOf,
  type ParsedRequest,
  parseRequest,
  REQUEST_BYTES,
  type RequestResult,
} from "./lib/wire/request.ts";
export type { Delegation, ParsedCertificate } from "./lib/wire/certificate.ts";
export {
  type ParsedResponse,
  parseResponse,
  type ResponseResult,
} from "./lib/wire/response.ts";
export { TAG, type TagName, tagName } from "./lib/wire/tag.ts";
export { decodeTimestamp, encodeTimestamp } from "./lib/wire/timestamp.ts";
