#!/usr/bin/env -S deno run --unstable-net --allow-net=127.0.0.1
// Checks a certificate's window and a token's expiry with a clock that several servers vouch
// for, not with the system's. By default the servers are this program's own, on loopback,
// and there it is the first of June 2030; with --public it asks the servers of the bundled
// list, which takes --allow-net.
// deno-lint-ignore-file no-console

import {
  ClockError,
  TrustedClock,
  type TrustedClockOptions,
} from "../clock.ts";
import { serve, Server } from "../server.ts";

class Server2030 extends Server {
  override getTime(): bigint {
    const micros = BigInt(Math.round(performance.now() * 1000));
    return BigInt(Date.parse("2030-06-01T12:00:00Z")) * 1000n + micros;
  }
}

/** Three servers here. Their names, which tell operators apart, are known to nobody else. */
async function onLoopback(): Promise<TrustedClockOptions> {
  const names = ["time.one.example", "time.two.example", "time.three.example"];
  const servers = await Promise.all(names.map(async (name) => {
    const server = await Server2030.create({ greaseProbability: 0 });
    const running = await serve(server, { hostname: "127.0.0.1", port: 0 });
    const { port } = running.address;
    return {
      name,
      publicKey: server.publicKeys[0] as Uint8Array,
      addresses: [{ transport: "udp", host: name, port }],
      version: 1,
      offer: undefined,
    } as const;
  }));
  const lookup = () =>
    Promise.resolve([{ hostname: "127.0.0.1", family: 4 }] as const);
  return { servers, lookup };
}

/** What a JWT claims. Verifying its signature is somebody else's business, and comes first. */
function claimsOf(token: string): { exp?: unknown; nbf?: unknown } {
  const [, payload = ""] = token.split(".");
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
}

/** NumericDate (RFC 7519, section 2) in microseconds; `undefined` if it is none. */
function toMicros(date: unknown): bigint | undefined {
  return typeof date === "number" && Number.isFinite(date)
    ? BigInt(Math.floor(date)) * 1_000_000n
    : undefined;
}

/** Only a token that is alive for certain is let in: "unknown" means no. */
function admits(clock: TrustedClock, token: string): boolean {
  const { exp, nbf } = claimsOf(token);
  const end = toMicros(exp);
  if (end === undefined || clock.compare(end) !== "future") return false;
  if (nbf === undefined) return true;
  const begin = toMicros(nbf);
  return begin !== undefined && clock.compare(begin) === "past";
}

/** A token for show; its signature is nonsense. */
function tokenUntil(exp: Date): string {
  const encode = (json: unknown) =>
    btoa(JSON.stringify(json)).replace(/=+$/, "");
  const head = encode({ alg: "EdDSA", typ: "JWT" });
  return `${head}.${encode({ sub: "ada", exp: exp.getTime() / 1000 })}.c2ln`;
}

const options = Deno.args.includes("--public") ? {} : await onLoopback();
try {
  using clock = await TrustedClock.create(options);
  const { earliest, latest } = clock.now();
  console.log(
    `True time is between ${earliest.toISOString()} and ${latest.toISOString()}`,
  );

  const after = (seconds: number) =>
    new Date(earliest.getTime() + seconds * 1000);
  const day = 86_400;
  const windows = {
    "a good certificate": { notBefore: after(-day), notAfter: after(day) },
    "last year's": { notBefore: after(-400 * day), notAfter: after(-35 * day) },
    "next year's": { notBefore: after(300 * day), notAfter: after(700 * day) },
    "one that ends about now": { notBefore: after(-day), notAfter: after(3) },
  };
  for (const [name, window] of Object.entries(windows)) {
    console.log(`${name}: ${clock.checkWindow(window)}`);
  }
  for (const seconds of [3600, 3, -3600]) {
    const verdict = admits(clock, tokenUntil(after(seconds))) ? "let in" : "no";
    console.log(`token with ${seconds} s to go: ${verdict}`);
  }
} catch (error) {
  if (!(error instanceof ClockError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  Deno.exitCode = 1;
}
Deno.exit(); // and the servers with it
