/**
 * How other implementations' servers choose a version, by their own rules: what of VER they
 * read, and what they pick.
 *
 * @module
 */

/** A server as far as the choice of a version goes. */
export interface PeerServer {
  /** For people. */
  readonly name: string;
  /** Numbers it answers. */
  readonly speaks: readonly number[];
  /** Numbers at the front of VER that it reads. */
  readonly reads: number;
  /** What it picks of those that are common. */
  readonly picks: "highest" | "rfc-first";
  /** Drops a request that offers more numbers than this. */
  readonly longest?: number;
  /** Does it answer Google's protocol as well, or nothing else? */
  readonly google?: "too" | "only";
}

const drafts = (...numbers: number[]) => numbers.map((n) => 0x80000000 + n);
const range = (first: number, last: number) =>
  drafts(...Array.from({ length: last - first + 1 }, (_, i) => first + i));
const ALL = 32;

/** Every server that is known. */
export const PEER_SERVERS: readonly PeerServer[] = [
  { name: "roughenough 2.2.0", speaks: [1], reads: 8, picks: "rfc-first" },
  { name: "roughenough 2.1.0", speaks: [1], reads: 8, picks: "rfc-first" },
  {
    name: "roughenough 2.0.0",
    // It takes any draft's number for 0x8000000c, so that has to be the highest it reads.
    speaks: [1, ...range(1, 19)],
    reads: 8,
    picks: "rfc-first",
  },
  {
    name: "roughenough 2.0.0-draft14",
    speaks: drafts(12),
    reads: 1,
    picks: "highest",
    longest: 1,
  },
  {
    name: "roughenough 1.3.0-draft14",
    speaks: drafts(12),
    reads: 4,
    picks: "highest",
    google: "too",
  },
  { name: "gnomon 0.1.2", speaks: [1], reads: ALL, picks: "rfc-first" },
  {
    name: "tannerryan 1.20",
    speaks: range(1, 12),
    reads: ALL,
    picks: "highest",
    google: "too",
  },
  {
    name: "cloudflare",
    speaks: drafts(8, 11),
    reads: ALL,
    picks: "highest",
    google: "too",
  },
  { name: "Netnod", speaks: drafts(7), reads: ALL, picks: "highest" },
  { name: "roughtimed", speaks: drafts(12), reads: ALL, picks: "highest" },
  {
    name: "roughtimed of draft 11",
    speaks: drafts(11),
    reads: ALL,
    picks: "highest",
  },
  {
    name: "roughtimed of draft 07",
    speaks: drafts(7),
    reads: ALL,
    picks: "highest",
  },
  { name: "pyroughtime", speaks: drafts(12), reads: ALL, picks: "highest" },
  {
    name: "roughly (Python) 0.3.0",
    speaks: [1, ...range(10, 15)],
    reads: ALL,
    picks: "rfc-first",
    google: "too",
  },
  ...["0.2.0", "0.1.0"].map((version) => ({
    name: `roughly (Python) ${version}`,
    speaks: range(10, 15),
    reads: ALL,
    picks: "highest",
    google: "too",
  } as const)),
  { name: "butterfield", speaks: drafts(12), reads: ALL, picks: "highest" },
  {
    name: "Sturdy Statistics",
    speaks: drafts(1, 2, 3, 4, 6, 8, 9, 10, 11, 12),
    reads: ALL,
    picks: "highest",
    google: "too",
  },
  {
    name: "roughtime_cpp",
    speaks: drafts(7, 8, 11, 12),
    reads: ALL,
    picks: "highest",
    google: "too",
  },
  {
    name: "rough.time.nl",
    speaks: [1, ...drafts(12)],
    reads: ALL,
    picks: "highest",
  },
  {
    name: "Google's own",
    speaks: [],
    reads: 0,
    picks: "highest",
    google: "only",
  },
];

/** What a server answers to an offer in one framed request, or nothing. */
export function pick(
  { speaks, reads, picks, longest = Infinity }: PeerServer,
  offer: readonly number[],
): number | undefined {
  if (offer.length > longest) return undefined;
  const common = offer.slice(0, reads).filter((code) => speaks.includes(code));
  if (picks === "rfc-first" && common.includes(1)) return 1;
  return common.length === 0 ? undefined : Math.max(...common);
}
