/**
 * X.509 certificates of any age for HTTPS on loopback, made here because no tool for them is
 * everywhere.
 *
 * @module
 */

import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import https from "node:https";
import type { AddressInfo } from "node:net";

/** Lays out one DER element. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, { length }) => sum + length, 0);
  const head = length < 128
    ? [tag, length]
    : length < 256
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 255];
  const out = new Uint8Array(head.length + length);
  out.set(head);
  let at = head.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const text = (value: string) => new TextEncoder().encode(value);

function oid(...bytes: readonly number[]): Uint8Array {
  return der(6, Uint8Array.from(bytes));
}

const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));

function nameOf(common: string): Uint8Array {
  return sequence(
    der(0x31, sequence(oid(0x55, 4, 3), der(12, text(common)))),
  );
}

/** GeneralizedTime, whose year has four digits. */
function time(millis: number): Uint8Array {
  const digits = new Date(millis).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x18, text(digits));
}

function extension(id: number, value: Uint8Array): Uint8Array {
  return sequence(
    oid(0x55, 0x1d, id),
    der(1, Uint8Array.of(0xff)),
    der(4, value),
  );
}

interface Issuer {
  readonly name: string;
  readonly privateKeyPem: string;
}

interface Made extends Issuer {
  readonly certificatePem: string;
}

function make(
  name: string,
  extensions: readonly Uint8Array[],
  [notBefore, notAfter]: readonly [number, number],
  issuer?: Issuer,
): Made {
  const pair = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const privateKeyPem = pair.privateKey as unknown as string;
  const body = sequence(
    der(0xa0, der(2, Uint8Array.of(2))), // version 3
    der(2, Uint8Array.of(1, ...crypto.getRandomValues(new Uint8Array(8)))),
    ECDSA_SHA256,
    nameOf(issuer?.name ?? name),
    sequence(time(notBefore), time(notAfter)),
    nameOf(name),
    new Uint8Array(pair.publicKey as unknown as Uint8Array),
    der(0xa3, sequence(...extensions)),
  );
  const key = createPrivateKey(issuer?.privateKeyPem ?? privateKeyPem);
  const signature = new Uint8Array(sign("sha256", body, key));
  const whole = sequence(
    body,
    ECDSA_SHA256,
    der(3, Uint8Array.of(0), signature),
  );
  const lines = btoa(String.fromCharCode(...whole)).replace(/.{64}/g, "$&\n");
  return {
    name,
    privateKeyPem,
    certificatePem:
      `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

const DAY_MS = 86_400_000;

/** An HTTPS server on loopback. */
export interface HttpsWorld extends AsyncDisposable {
  /** `https://localhost:PORT`. */
  readonly url: string;
  /** Certificate of the authority behind it. */
  readonly authorityPem: string;
}

/**
 * Serves over HTTPS on loopback, answering everything with one body.
 *
 * @param fromDays When its certificate begins, in days from now.
 * @param toDays When it ends.
 * @param body What it answers.
 */
export async function httpsWorld(
  fromDays: number,
  toDays: number,
  body = "{}",
): Promise<HttpsWorld> {
  const now = Date.now();
  const authority = make("test authority", [
    extension(19, sequence(der(1, Uint8Array.of(0xff)))), // basicConstraints: a CA
  ], [now - 9999 * DAY_MS, now + 9999 * DAY_MS]);
  const leaf = make(
    "localhost",
    [
      extension(
        17, // subjectAltName
        sequence(
          der(0x82, text("localhost")),
          der(0x87, Uint8Array.of(127, 0, 0, 1)),
        ),
      ),
    ],
    [now + fromDays * DAY_MS, now + toDays * DAY_MS],
    authority,
  );
  const server = https.createServer(
    { key: leaf.privateKeyPem, cert: leaf.certificatePem },
    (_request, response) => response.end(body),
  );
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    authorityPem: authority.certificatePem,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
