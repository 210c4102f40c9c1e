/**
 * A process that writes rounds to a history until somebody kills it, and says each one that
 * is written: `history_writer.ts FILE ROUNDS`.
 */

import { HistoryWriter } from "../../lib/watch/history.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import { madeUp, madeUpRound } from "./watch.ts";

const [path = "", rounds = "0"] = Deno.args;
const keep = { beforeMs: -1e15, beforeId: -1 };
const { database } = await openDatabase(path);
const writer = new HistoryWriter(database);
const encoder = new TextEncoder();
for (let i = 0; i < Number(rounds); i++) {
  const ids = writer.nextIds();
  const servers = [0, 1, 2, 3].map((n) => madeUp(n));
  const exchanges = servers.map((_, server) => ({
    id: ids.exchange + server,
    server,
    receivedAtMs: ids.round,
    exchange: {
      request: crypto.getRandomValues(new Uint8Array(1024)),
      response: crypto.getRandomValues(new Uint8Array(400)),
      publicKey: new Uint8Array(32),
    },
    rand: undefined,
  }));
  const round = madeUpRound(ids.round, { servers, atMs: ids.round });
  writer.append(
    { round, exchanges, contradiction: undefined },
    { rounds: keep, packets: keep },
  );
  Deno.stdout.writeSync(encoder.encode(`${ids.round}\n`));
}
