/**
 * Calls that take a public option, each by the option's name.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Behaviour, ChaosServer } from "../../chaos.ts";
import { TrustedClock } from "../../clock.ts";
import { measure, pickServers, queryServers, survey } from "../../ecosystem.ts";
import { runLoad } from "../../lib/load/run.ts";
import {
  sendRequest,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../../mod.ts";
import {
  createDelegation,
  Keyring,
  Responder,
  serve,
  Server,
} from "../../server.ts";
import { relay } from "../../relay.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import { bytes, LONG_TERM, makeKeyring } from "./fixtures.ts";
import { listed } from "./many.ts";

/** Calls something with a value for the option. */
export type Call = (value: never) => unknown;

/** Whatever has to be refused before anybody is asked. */
export const nobody = (): never => assert.fail("nobody is asked");

const offline = { lookup: nobody, open: nobody };

const { publicKey } = LONG_TERM;

/** Whom a list names. */
export const SERVERS: ListedServer[] = [0, 1, 2].map((n) => listed(n));

/** Of a question to one server. */
export function asking(name: string): Call[] {
  return [sendRequest, veryDangerouslySendRequestAndDoNotVerify].map((send) =>
  (
    value: never,
  ) =>
    send({ host: "h.invalid", port: 1, publicKey, ...offline, [name]: value })
  );
}

/** Of questions to many. */
export function measuring(name: string): Call[] {
  const measurers = [measure, queryServers, survey, pickServers];
  return [
    ...measurers.map((ask) => (value: never) =>
      ask(SERVERS, { ask: nobody, [name]: value })
    ),
    (value) =>
      TrustedClock.create({ servers: SERVERS, ask: nobody, [name]: value }),
  ];
}

/** Of a relay. */
export const relaying = (name: string): Call => (value) =>
  relay({ servers: SERVERS, [name]: value });

/** Of the clock. */
export const ticking = (name: string): Call => (value) =>
  TrustedClock.create({ servers: SERVERS, ask: nobody, [name]: value });

/** Of serve(). */
export const serving = (name: string): Call => async (value) => {
  const server = await Server.create();
  const ended = AbortSignal.abort();
  const where = { hostname: "127.0.0.1", port: 0, open: nobody };
  await serve(server, { ...where, signal: ended, [name]: value });
};

/** Of its limits on TCP. */
export const limiting = (name: string): Call => (value) =>
  (serving("tcpLimits") as (value: unknown) => unknown)({ [name]: value });

/** Of a server. */
export const creating = (name: string): Call => (value) =>
  Server.create({ [name]: value });

/** Of the responder. */
export const responding = (name: string): Call => async (value) =>
  new Responder({ keyring: await makeKeyring(), [name]: value });

/** Of a keyring. */
export const ringing = (name: string): Call => (value) =>
  Keyring.create({
    longTerm: [LONG_TERM],
    nowMicros: 0n,
    validityMicros: 10_000_000n,
    random: (count) => new Uint8Array(count),
    v1Context: "rfc",
    [name]: value,
  });

/** Of a delegation. */
export const delegating = (name: string): Call => (value) =>
  createDelegation({
    longTerm: LONG_TERM,
    onlineSeed: bytes(32, 3),
    notBeforeMicros: 1000n,
    notAfterMicros: 2000n,
    [name]: value,
  });

/** Of the load generator. */
export const loading = (name: string): Call => (value) =>
  runLoad({
    hostname: "127.0.0.1",
    port: 1,
    version: 1,
    typed: true,
    publicKey,
    pace: { window: 1 },
    sockets: 1,
    durationMillis: 1,
    warmupMillis: 0,
    timeoutMillis: 1,
    open: nobody,
    [name]: value,
  });

/** Of a way to misbehave. */
export const misbehaving =
  (kind: Behaviour["kind"], name: string): Call => (value) =>
    ChaosServer.create({
      behaviours: [{ kind, [name]: value } as unknown as Behaviour],
    });
