/**
 * "Ask now": this browser makes the nonce, the watcher only carries the packets, and the
 * answer is verified here. The watcher can delay or refuse, but not lie.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { ServerState } from "../lib/watch/api.ts";
import { explain, verifyResponse } from "../verify.ts";
import {
  buildRequest,
  DEFAULT_OFFER,
  formatVersion,
  GOOGLE_VERSION,
  nonceSizeOf,
} from "../wire.ts";
import { button, el } from "./dom.ts";
import { relayPacket } from "./fetch.ts";
import { formatMoment, formatOffset, formatSpan } from "./format.ts";

/** So long until it counts as no answer. */
const TIMEOUT_MS = 8000;

/** A button and what came of it. */
export class AskPanel {
  readonly element: HTMLElement;
  readonly #server: ServerState;
  readonly #result = el("div", { role: "status", "aria-live": "polite" });

  constructor(server: ServerState) {
    this.#server = server;
    const ask: HTMLButtonElement = button({ class: "primary" }, async () => {
      ask.disabled = true;
      this.#result.replaceChildren(el("p", {}, "Asking …"));
      this.#result.replaceChildren(
        ...await this.#ask().catch((error: unknown) => [
          el(
            "p",
            { class: "bad" },
            `✗ ${error instanceof Error ? error.message : error}`,
          ),
        ]),
      );
      ask.disabled = false;
    }, "Ask it now");
    this.element = el(
      "div",
      { class: "ask", "data-name": server.name },
      ask,
      el(
        "p",
        { class: "quiet" },
        "Your browser makes the nonce and verifies the answer. The watcher carries the packets: it can delay or refuse, but not lie.",
      ),
      this.#result,
    );
  }

  async #ask(): Promise<HTMLElement[]> {
    const publicKey = base64.decode(this.#server.publicKey);
    const versions = offerOf(this.#server);
    const nonce = crypto.getRandomValues(new Uint8Array(nonceSizeOf(versions)));
    const request = buildRequest({ versions, nonce, publicKey });
    const before = performance.now();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await relayPacket(
      this.#server.publicKey,
      request as Uint8Array<ArrayBuffer>,
      signal,
    );
    const rtt = (performance.now() - before) * 1000;
    const here = Date.now() * 1000;
    const verdict = await verifyResponse({ request, response, publicKey });
    if (!verdict.ok) {
      throw new Error(
        `The answer is not verified: ${explain(verdict.rejection)}`,
      );
    }
    const midpoint = Number(verdict.midpointMicros);
    const radius = Number(verdict.radiusMicros);
    const earliest = midpoint - radius - here;
    const latest = midpoint + radius + rtt - here;
    const yours = earliest > 0
      ? `Your device's clock is behind by ${
        formatSpan(earliest)
      } at least, if the server is right.`
      : latest < 0
      ? `Your device's clock is ahead by ${
        formatSpan(-latest)
      } at least, if the server is right.`
      : `Your device's clock is within the bounds, ${
        formatOffset(earliest)
      } to ${formatOffset(latest)}.`;
    return [
      el(
        "p",
        { class: "good" },
        `✓ Verified in this browser: ${formatMoment(midpoint)} ± ${
          formatSpan(radius)
        }, round trip ${formatSpan(rtt)}`,
      ),
      el("p", {}, yours),
    ];
  }
}

/** What it spoke last is offered first; an offer of its own if that fits no other. */
function offerOf({ version }: ServerState): readonly number[] {
  if (version === formatVersion(GOOGLE_VERSION)) return [GOOGLE_VERSION];
  const spoken = version === null ? NaN : Number(version);
  return Number.isNaN(spoken) || DEFAULT_OFFER.includes(spoken)
    ? DEFAULT_OFFER
    : [spoken];
}
