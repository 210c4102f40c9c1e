import { unframe } from "../lib/wire/frame.ts";
import {
  decodeMessage,
  encodeMessage,
  type Entry,
} from "../lib/wire/message.ts";
import { buildRequest, parseRequest } from "../lib/wire/request.ts";
import { parseResponse } from "../lib/wire/response.ts";
import { EXCHANGE } from "./_exchange.ts";

const { request, response, publicKey } = EXCHANGE;
const unframed = unframe(response);
if (!unframed.ok) throw new Error("Cannot measure: the reply has no frame");
const bytes = unframed.message;
const decoded = decodeMessage(bytes);
if (!decoded.ok) throw new Error("Cannot measure: the reply is malformed");
const { message } = decoded;
const entries = message.tags.map((tag): Entry => [
  tag,
  message.get(tag) ?? new Uint8Array(0),
]);
const nonce = new Uint8Array(32);
const versions = [0x8000000c];

Deno.bench("decodeMessage, a reply", { permissions: "none" }, () => {
  decodeMessage(bytes);
});

Deno.bench("encodeMessage, a reply", { permissions: "none" }, () => {
  encodeMessage(entries);
});

Deno.bench("buildRequest", { permissions: "none" }, () => {
  buildRequest({ versions, nonce, publicKey });
});

Deno.bench("parseRequest", { permissions: "none" }, () => {
  parseRequest(request);
});

Deno.bench("parseResponse", { permissions: "none" }, () => {
  parseResponse(response, { framed: true });
});
