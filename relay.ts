/**
 * A relay for those who have HTTP and no UDP, such as browsers, Workers and Deno Deploy; and
 * the way to ask through it. Experimental: RFC 10049 knows no relay, and this may change.
 *
 * ```ts
 * import { bundledList } from "@roughly/roughly/ecosystem";
 * import { relay } from "@roughly/roughly/relay";
 *
 * const handler = relay({ servers: bundledList().servers });
 * // Deno.serve(handler), or whatever else takes a Request and gives a Response.
 * ```
 *
 * On the other side `measure()` and `TrustedClock` take it as their way to ask:
 *
 * ```ts
 * import { TrustedClock } from "@roughly/roughly/clock";
 * import { askThroughRelay } from "@roughly/roughly/relay";
 *
 * function makeClock(): Promise<TrustedClock> {
 *   return TrustedClock.create({ ask: askThroughRelay("https://watch.example/relay") });
 * }
 * ```
 *
 * Limitations: a relay can delay and refuse; whoever runs it sees who asks whom. It cannot lie,
 * since nonces are made and replies verified where the question comes from. A browser's
 * HTTPS needs a clock that is roughly right already.
 *
 * @module
 */

export {
  askThroughRelay,
  type ThroughRelayOptions,
} from "./lib/relay/ask_through_relay.ts";
export type { Forward, ForwardOptions } from "./lib/relay/forward.ts";
export { relay, type RelayOptions } from "./lib/relay/relay.ts";
export type { Answer, AskServer, Question } from "./lib/ecosystem/pick.ts";
export type { ListedServer } from "./lib/ecosystem/list.ts";
