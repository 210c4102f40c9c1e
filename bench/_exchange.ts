/**
 * The packets that everything here is measured on: a reply recorded from roughtimed to
 * one request, drafts 14-19.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { Exchange } from "../lib/wire/errors.ts";
import recorded from "../tests/vectors/roughtimed.json" with { type: "json" };

type Recorded = typeof recorded[number];

const first = recorded.find(({ batch }) => batch === 1) as Recorded;

/** The exchange; its PATH is empty. */
export const EXCHANGE: Exchange = {
  request: base64.decode(first.request),
  response: base64.decode(first.response),
  publicKey: base64.decode(first.publicKey),
};
