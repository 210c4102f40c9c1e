/**
 * For those who write clients and servers: a server that misbehaves on demand, in every
 * dialect, with what has to come of it as data; malformed requests and replies; and a
 * world of fake servers for tests of applications.
 *
 * ```ts
 * import { BEHAVIOURS, ChaosServer, expectationOf } from "@roughly/roughly/chaos";
 * import { verifyResponse } from "@roughly/roughly/verify";
 * import { buildRequest } from "@roughly/roughly/wire";
 *
 * const server = await ChaosServer.create();
 * const { publicKey } = server;
 * for (const known of BEHAVIOURS) {
 *   server.behave([known.behaviour]);
 *   const nonce = crypto.getRandomValues(new Uint8Array(32));
 *   const request = buildRequest({ versions: [1], nonce, size: known.requestBytes });
 *   const expected = expectationOf(known, "rfc-10049");
 *   if (expected === "late") continue;
 *   const [response] = await server.answer(request);
 *   // Put your own verifier here.
 *   const verdict = response && await verifyResponse({ request, response, publicKey });
 *   console.log(known.name, expected, verdict?.ok ?? "silence");
 * }
 * ```
 *
 * Limitations: never for the network at large. `serveChaos()` binds loopback only unless
 * told otherwise, and no reply is ever longer than its request.
 *
 * @module
 */

export {
  type Behaviour,
  BEHAVIOURS,
  type Expectation,
  expectationOf,
  type KnownBehaviour,
  type Misdeed,
  type Signed,
  type When,
} from "./lib/chaos/behaviour.ts";
export {
  type ChaosOptions,
  ChaosServer,
  type Deliveries,
  type Delivery,
  type Sleep,
} from "./lib/chaos/server.ts";
export {
  type RunningChaos,
  serveChaos,
  type ServeChaosOptions,
} from "./lib/chaos/serve.ts";
export {
  type FakeServer,
  type FakeServerOptions,
  FakeWorld,
  type FakeWorldOptions,
} from "./lib/chaos/fake_world.ts";
export { fuzzRequests } from "./lib/chaos/fuzz.ts";
export type { GoodExchange } from "./lib/chaos/good_reply.ts";
export {
  type MalformedRequest,
  type MalformedRequestOptions,
  malformedRequests,
} from "./lib/chaos/malformed_request.ts";
export {
  malformedReplies,
  type MalformedReply,
} from "./lib/chaos/malformed_reply.ts";
export type { Answer, AskServer, Question } from "./lib/ecosystem/pick.ts";
export type { ServerAddress } from "./lib/net/address.ts";
export type { ListedServer } from "./lib/ecosystem/list.ts";
