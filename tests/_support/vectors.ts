import { base64, hex } from "@scure/base";
import { buildRequest } from "../../lib/wire/request.ts";
import { GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import type { Exchange } from "../../lib/wire/errors.ts";

export interface NamedExchange extends Exchange {
  name: string;
}

const OURS = new URL("../vectors/", import.meta.url);
const THIRD_PARTY = new URL(
  "../../../shared/vectors/third-party/",
  import.meta.url,
);

/** The public test key that the interoperability harness of the working group uses. */
export const PLUMMET_KEY: Uint8Array = base64.decode(
  "Ixu7gqjJ9TU6IxsO8wxZxAFT5te6FcZZQq5vXFl35JE=",
);
export const PLUMMET_SEED: Uint8Array = base64.decode(
  "BuXi3Chpe7Nj3gCXavLUIoGbxngyrWVa3pYIHswbzbU=",
);
const NETNOD_KEY = base64.decode(
  "T/xxX4ERUBAOpt64Z8phWamKsASZxJ0VWuiPm3GS/8g=",
);
const CLOUDFLARE_TEST_KEY = base64.decode(
  "HOkMydVHaAn5CI9SAY2ajluESZUeJGjhPeANAjTVDRQ=",
);
const INT08H_KEY = base64.decode(
  "AW5uAoTSTDfG5NfY1bTh08GUnOqlRb+HVhbJ3ODJvsE=",
);

/** Other projects' data is read where it lies; without it those tests are skipped. */
export function hasThirdParty(): boolean {
  try {
    return Deno.statSync(THIRD_PARTY).isDirectory;
  } catch {
    return false;
  }
}

/** Options that skip a test, saying why in its name. */
export function thirdParty(name: string): { name: string; ignore: boolean } {
  const ignore = !hasThirdParty();
  return {
    name: ignore ? `${name} (skipped: third-party vectors are not here)` : name,
    ignore,
  };
}

function json(base: URL, path: string): unknown {
  return JSON.parse(Deno.readTextFileSync(new URL(path, base)));
}

export function recorded(
  file: "roughly.json" | "roughtimed.json",
): (NamedExchange & { offered: string; batch: number })[] {
  const list = json(OURS, file) as Record<string, string & number>[];
  return list.map((entry, i) => ({
    name: `${file}[${i}] ${entry.offered} batch ${entry.batch}`,
    offered: String(entry.offered),
    batch: Number(entry.batch),
    request: base64.decode(String(entry.request)),
    response: base64.decode(String(entry.response)),
    publicKey: base64.decode(String(entry.publicKey)),
  }));
}

export function roughlyPackets(): NamedExchange[] {
  const list = json(THIRD_PARTY, "roughly/packets.json") as {
    role: number;
    request: string;
    response: string;
    other: string;
  }[];
  return list.map(({ role, request, response, other }) => ({
    name: `${role === 1 ? "roughly asks" : "roughly answers"} ${other}`,
    request: base64.decode(request),
    response: base64.decode(response),
    publicKey: other === "some-draft-7-server" ? NETNOD_KEY : PLUMMET_KEY,
  }));
}

export function cloudflare(
  dialect: "google" | "ietf_draft08" | "ietf_draft11",
  count: "001" | "010" | "100",
): NamedExchange[] {
  const file = `cloudflare-roughtime/roughtime_${dialect}_${count}.json`;
  const { request, replies } = json(THIRD_PARTY, file) as {
    request: string[];
    replies: string[];
  };
  return request.map((packet, i) => ({
    name: `${dialect}_${count}[${i}]`,
    request: hex.decode(packet),
    response: hex.decode(replies[i] as string),
    publicKey: CLOUDFLARE_TEST_KEY,
  }));
}

export interface GoogleLink {
  publicKey: Uint8Array;
  nonceOrBlind: Uint8Array;
  reply: Uint8Array;
}

export function googleChain(): GoogleLink[] {
  const { links } = json(
    THIRD_PARTY,
    "google-roughtime/roughtime-chain.json",
  ) as {
    links: Record<string, string>[];
  };
  return links.map((link) => ({
    publicKey: base64.decode(String(link.serverPublicKey)),
    nonceOrBlind: base64.decode(String(link.nonceOrBlind)),
    reply: base64.decode(String(link.reply)),
  }));
}

/** Captures without the request; Google's leaf is the nonce, so one can be made. */
export function googleRequest(nonce: Uint8Array): Uint8Array {
  return buildRequest({ versions: [GOOGLE_VERSION], nonce });
}

export function nodeRoughtime(): (NamedExchange & {
  midpointMicros: bigint;
  radiusMicros: bigint;
})[] {
  const list = json(
    THIRD_PARTY,
    "node-roughtime/captured-replies.json",
  ) as Record<
    string,
    string
  >[];
  return list.map((entry) => ({
    name: String(entry.host),
    request: googleRequest(base64.decode(String(entry.nonce))),
    response: base64.decode(String(entry.reply)),
    publicKey: base64.decode(String(entry.publicKey)),
    midpointMicros: BigInt(entry.midpointMicros as string),
    radiusMicros: BigInt(entry.radiusMicros as string),
  }));
}

export interface ReportEntry extends NamedExchange {
  rand: Uint8Array | undefined;
}

export function appendixB(): ReportEntry[] {
  const file = "ietf-draft-roughtime/appendix-b-malfeasance-report.json";
  const { responses } = json(THIRD_PARTY, file) as {
    responses: Record<string, string>[];
  };
  return responses.map((entry, i) => ({
    name: `appendix B[${i}]`,
    rand: entry.rand === undefined ? undefined : base64.decode(entry.rand),
    request: base64.decode(String(entry.request)),
    response: base64.decode(String(entry.response)),
    publicKey: base64.decode(String(entry.publicKey)),
  }));
}

function binary(path: string): Uint8Array {
  return Deno.readFileSync(new URL(path, THIRD_PARTY));
}

export function roughenough(): NamedExchange {
  return {
    name: "roughenough pair",
    request: binary("roughenough/rfc-request.071039e5"),
    response: binary("roughenough/rfc-response.071039e5"),
    publicKey: INT08H_KEY,
  };
}

export const thirdPartyFile: (path: string) => Uint8Array = binary;

export function thirdPartyText(path: string): string {
  return Deno.readTextFileSync(new URL(path, THIRD_PARTY));
}
