/**
 * A reply with nothing filled in that differs from request to request: all replies of a
 * batch are copies of one, and from batch to batch only time, tree and signature change.
 *
 * @module
 */

import { signedBytes, type Spelling } from "../../wire/certificate.ts";
import { HASH_BYTES } from "../../crypto/hash.ts";
import { SIGNATURE_BYTES } from "../../crypto/ed25519.ts";
import type { Dialect } from "../../wire/dialect.ts";
import { FRAME_BYTES } from "../../wire/frame.ts";
import { valuePosition } from "../../wire/message.ts";
import type { Moment } from "../responder.ts";
import {
  buildSrep,
  encodeResponse,
  responseEntries,
  type ResponseOptions,
} from "../../wire/response.ts";
import { TAG } from "../../wire/tag.ts";
import { encodeTimestamp } from "../../wire/timestamp.ts";

/** What all replies of a template have in common. */
export interface TemplateOptions {
  /** How they are written. */
  readonly dialect: Dialect;
  /** The version that they name. */
  readonly version: number;
  /** VERS. */
  readonly versions: readonly number[];
  /** The contexts' spelling. */
  readonly spelling: Spelling;
  /** CERT. */
  readonly certificate: Uint8Array;
  /** Entries in PATH. */
  readonly depth: number;
  /** RADI, in microseconds. */
  readonly radiusMicros: bigint;
}

/** A reply to be completed, first for a batch and then for each request. */
export class ReplyTemplate {
  /** What it was made from. */
  readonly options: TemplateOptions;
  /** What is signed: the context and SREP. */
  readonly signed: Uint8Array;
  /** The reply, with zeros where nonce, PATH and INDX go. */
  readonly reply: Uint8Array;
  /** Offset of NONC in the reply, 0 where it repeats no nonce. */
  readonly nonceAt: number;
  /** Offset of PATH. */
  readonly pathAt: number;
  /** Offset of INDX. */
  readonly indexAt: number;
  readonly #srep: Uint8Array;
  readonly #midpointAt: number;
  readonly #rootAt: number;
  readonly #srepAt: number;
  readonly #signatureAt: number;

  /**
   * Makes one.
   *
   * @param options What the replies have in common.
   */
  constructor(options: TemplateOptions) {
    const { dialect, version, versions, radiusMicros, depth } = options;
    this.options = options;
    const hashBytes = HASH_BYTES[dialect.hash];
    const srep = buildSrep({
      dialect,
      version,
      versions,
      radiusMicros,
      midpointMicros: 0n,
      root: new Uint8Array(hashBytes),
      nonce: new Uint8Array(0),
    });
    this.signed = signedBytes(options.spelling, "response", srep);
    this.#srep = this.signed.subarray(this.signed.length - srep.length);
    this.#midpointAt = valuePosition(srep, TAG.MIDP) ?? 0;
    this.#rootAt = valuePosition(srep, TAG.ROOT) ?? 0;
    this.reply = encodeResponse(
      dialect,
      responseEntries(this.parts({
        signature: new Uint8Array(SIGNATURE_BYTES),
        nonce: new Uint8Array(dialect.nonceSize),
        path: new Uint8Array(depth * hashBytes),
        index: 0,
      })),
    );
    const frame = dialect.framed ? FRAME_BYTES : 0;
    const message = this.reply.subarray(frame);
    const at = (tag: number) => {
      const position = valuePosition(message, tag);
      return position === undefined ? 0 : frame + position;
    };
    this.nonceAt = at(TAG.NONC);
    this.pathAt = at(TAG.PATH);
    this.indexAt = at(TAG.INDX);
    this.#srepAt = at(TAG.SREP);
    this.#signatureAt = at(TAG.SIG);
  }

  /** Does it fit other replies, too? */
  fits(
    certificate: Uint8Array,
    depth: number,
    { radiusMicros }: Moment,
  ): boolean {
    const { options } = this;
    return options.certificate === certificate && options.depth === depth &&
      options.radiusMicros === radiusMicros;
  }

  /** Puts time and tree into what is signed. */
  setStatement(midpointMicros: bigint, root: Uint8Array): void {
    const { time } = this.options.dialect;
    this.#srep.set(encodeTimestamp(time, midpointMicros), this.#midpointAt);
    this.#srep.set(root, this.#rootAt);
  }

  /** Puts what was signed, and its signature, into the reply. */
  setSignature(signature: Uint8Array): void {
    this.reply.set(this.#srep, this.#srepAt);
    this.reply.set(signature, this.#signatureAt);
  }

  /** The same reply in parts, for one that is to be changed before it is encoded. */
  parts(
    own: Pick<ResponseOptions, "signature" | "nonce" | "path" | "index">,
  ): ResponseOptions {
    const { dialect, version, certificate } = this.options;
    return { dialect, version, certificate, srep: this.#srep, ...own };
  }
}
