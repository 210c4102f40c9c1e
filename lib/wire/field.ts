/**
 * Presence and length of the tags a document must have.
 *
 * @module
 */

import { decodeMessage, type Message } from "./message.ts";
import type { DocumentName, Rejection } from "./rejection.ts";

/** A failed step: what every function of the document and judgement layers returns. */
export interface Rejected {
  /** Always `false`. */
  readonly ok: false;
  /** Why. */
  readonly rejection: Rejection;
}

/** Wraps a reason. */
export function reject(rejection: Rejection): Rejected {
  return { ok: false, rejection };
}

/** A tag that must be there, and its length; `multiple` takes any multiple, 0 included. */
export type FieldRule = readonly [
  tag: number,
  bytes: number,
  multiple?: "multiple",
];

/**
 * Checks that a message has the given tags in the given lengths. Others are ignored, as
 * they must be (RFC 10049, sections 5.1 and 7).
 */
export function checkFields(
  message: Message,
  document: DocumentName,
  rules: readonly FieldRule[],
): Rejection | undefined {
  for (const [tag, bytes, multiple] of rules) {
    const value = message.get(tag);
    if (value === undefined) return { code: "tag-missing", document, tag };
    const { length } = value;
    if (multiple ? length % bytes !== 0 : length !== bytes) {
      return { code: "length-wrong", document, tag, length };
    }
  }
  return undefined;
}

/** A value that {@linkcode checkFields} has seen. */
export function valueOf(message: Message, tag: number): Uint8Array {
  return message.get(tag) ?? new Uint8Array(0);
}

/** Decodes a message that stands in a tag of another one. */
export function nested(
  parent: Message,
  tag: number,
  where: DocumentName,
  document: DocumentName,
): { readonly ok: true; readonly message: Message } | Rejected {
  const value = parent.get(tag);
  if (value === undefined) {
    return reject({ code: "tag-missing", document: where, tag });
  }
  const decoded = decodeMessage(value);
  return decoded.ok
    ? decoded
    : reject({ code: "malformed", document, fault: decoded.fault });
}
