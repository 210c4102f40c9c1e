/**
 * A good reply taken apart, to be written anew with one thing wrong and the rest in order.
 *
 * @module
 */

import type { Dialect } from "../wire/dialect.ts";
import { frame, FRAME_BYTES, isFramed } from "../wire/frame.ts";
import { encodeLoosely, entriesOf, put, valueIn } from "../wire/loose.ts";
import type { Entry } from "../wire/message.ts";
import { parseResponse } from "../wire/response.ts";
import { TAG } from "../wire/tag.ts";

/** A request and the good reply to it, as whole packets. */
export interface GoodExchange {
  /** As sent. */
  readonly request: Uint8Array;
  /** As received. */
  readonly response: Uint8Array;
}

/** Where a message stands, from the top of the reply. */
export type Place = readonly ["SREP" | "CERT", ...("DELE")[]] | readonly [];

/** A good reply, and ways to write it anew with one thing changed. */
export class GoodReply {
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly framed: boolean;
  readonly message: Uint8Array;
  readonly dialect: Dialect;

  constructor({ request, response }: GoodExchange) {
    this.request = request;
    this.response = response;
    this.framed = isFramed(request);
    const parsed = parseResponse(response, { framed: this.framed });
    if (!parsed.ok) {
      throw new RangeError(
        `Cannot derive from a reply that is not good: ${parsed.rejection.code}`,
      );
    }
    this.dialect = parsed.response.dialect;
    this.message = this.framed ? response.subarray(FRAME_BYTES) : response;
  }

  wrap(message: Uint8Array): Uint8Array {
    return this.framed ? frame(message) : Uint8Array.from(message);
  }

  /** The message that stands at a place. */
  at(place: Place): Uint8Array {
    return place.reduce(
      (message, name) => valueIn(entriesOf(message), TAG[name]) as Uint8Array,
      this.message,
    );
  }

  /** The reply with another message, of any bytes, at a place. */
  with(place: Place, message: Uint8Array): Uint8Array {
    const [name] = place.slice(-1);
    if (name === undefined) return this.wrap(message);
    const parent = place.slice(0, -1) as unknown as Place;
    const entries = entriesOf(this.at(parent)).map(([tag, value]): Entry =>
      tag === TAG[name] ? [tag, message] : [tag, value]
    );
    return this.with(parent, encodeLoosely(entries));
  }

  /** The reply with a tag at a place set to another value. */
  set(place: Place, tag: number, value: Uint8Array): Uint8Array {
    const entries = put(entriesOf(this.at(place)), tag, value);
    return this.with(place, encodeLoosely(entries.sort(([a], [b]) => a - b)));
  }

  get(place: Place, tag: number): Uint8Array | undefined {
    return valueIn(entriesOf(this.at(place)), tag);
  }

  /** Must this tag stand at this place in this dialect? */
  needs(place: Place, tag: number): boolean {
    const { versionEcho, nonceEcho, type } = this.dialect;
    const echo = place.length === 0 ? "top" : "srep";
    switch (tag) {
      case TAG.VER:
      case TAG.VERS:
        return versionEcho === echo;
      case TAG.NONC:
        return nonceEcho === (echo === "top" ? "required" : "srep");
      case TAG.TYPE:
        // 0x8000000c is read without TYPE too, as drafts 12 and 13 wrote it.
        return type === "required" && this.dialect.context === "rfc";
      default:
        return true;
    }
  }
}
