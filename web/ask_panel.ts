/**
 * "Ask now": this browser makes the nonce, the watcher only carries the packets, and the
 * answer is verified here. The watcher can delay or refuse, but not lie.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { ServerState } from "../lib/watch/api.ts";
import { askThroughRelay } from "../lib/relay/ask_through_relay.ts";
import {
  DEFAULT_OFFER,
  formatVersion,
  GOOGLE_VERSION,
  nonceSizeOf,
} from "../wire.ts";
import { button, el } from "./dom.ts";
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
    const { address, publicKey, version } = this.#server;
    const end = address.lastIndexOf(":");
    const ask = askThroughRelay(new URL("relay", document.baseURI));
    const nonce = crypto.getRandomValues(new Uint8Array(nonceSizeFor(version)));
    const { verdict, rttMicros } = await ask({
      address: {
        transport: "udp",
        host: address.slice(0, end),
        port: Number(address.slice(end + 1)),
      },
      transport: "auto",
      publicKey: base64.decode(publicKey),
      versions: version === formatVersion(GOOGLE_VERSION)
        ? [GOOGLE_VERSION]
        : undefined,
      nonce,
      timeout: TIMEOUT_MS,
      signal: undefined,
    });
    const here = Date.now() * 1000;
    const rtt = Number(rttMicros);
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

/** Versions differ in how long a nonce has to be; what was spoken last will be again. */
function nonceSizeFor(version: string | null): number {
  const spoken = version === null ? NaN : Number(version);
  if (version === formatVersion(GOOGLE_VERSION)) {
    return nonceSizeOf([GOOGLE_VERSION]);
  }
  return nonceSizeOf(
    Number.isNaN(spoken) || DEFAULT_OFFER.includes(spoken)
      ? DEFAULT_OFFER
      : [spoken],
  );
}
