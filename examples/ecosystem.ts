#!/usr/bin/env -S deno run --unstable-net --allow-net=127.0.0.1
// Asks several servers, finds what most of them say, and keeps the proof if two of them
// contradict each other. Without arguments it asks four servers of its own on loopback, one
// of which is an hour ahead.
//
//   --list LIST    asks the servers of a list instead, which takes --allow-net, and
//                  --allow-read for a file
//   --serve FILE   writes the list of its own servers, now at 127.0.0.1 to 127.0.0.4, and
//                  lets them run, to try the command line on; takes --allow-write=FILE, and
//                  --allow-net for the four addresses
// deno-lint-ignore-file no-console

import { parseArgs } from "node:util";
import {
  confirmMalfeasance,
  formatServerList,
  type ListedServer,
  loadEcosystem,
  type Lookup,
  malfeasanceReport,
  pickServers,
  queryServers,
  sampleByOperator,
} from "../ecosystem.ts";
import { serve, Server } from "../server.ts";

const { values } = parseArgs({
  options: { list: { type: "string" }, serve: { type: "string" } },
});

class HourAhead extends Server {
  override getTime(): bigint {
    return super.getTime() + 3_600_000_000n;
  }
}

/** Starts a server at an address, and gives its entry in a list that names the host. */
async function start(
  name: string,
  kind: typeof Server,
  hostname: string,
  host: string,
): Promise<ListedServer> {
  const server = await kind.create({ trustClock: true, greaseProbability: 0 });
  const { address } = await serve(server, { hostname, port: 0 });
  return {
    name,
    publicKey: server.publicKeys[0] as Uint8Array,
    addresses: [{ transport: "udp", host, port: address.port }],
    version: 1,
    offer: undefined,
  };
}

async function tell(
  servers: readonly ListedServer[],
  lookup?: Lookup,
): Promise<void> {
  // Of those that answer four at most, no two of the same operator or with the same key, in
  // an order that nobody could foresee.
  const answering = await pickServers(servers, { lookup });
  const chosen = sampleByOperator(answering, 4);

  // Each is asked twice, each question made from the answer before.
  const { outcomes, quorum, chain, violations } = await queryServers(chosen, {
    lookup,
  });
  for (const { server, operator, status, answers } of outcomes) {
    const midpoint = answers.at(-1)?.verdict.midpointMicros ?? 0n;
    const time = new Date(Number(midpoint / 1000n)).toISOString();
    console.log(`${server.name} (${operator}): ${time}, ${status}`);
  }
  if (quorum.ok) {
    const { earliestMicros, latestMicros } = quorum.bounds;
    const seconds = Number(latestMicros - earliestMicros) / 1e6;
    console.log(
      `${quorum.agreeing} of ${quorum.voters} operators agree, to ${
        seconds.toFixed(1)
      } s`,
    );
  } else {
    console.log(`No majority: ${quorum.reason}`);
  }

  const report = malfeasanceReport(chain); // JSON, as RFC 10049 wants it
  if (violations.length === 0) console.log("Nobody contradicts anybody");
  else if (await confirmMalfeasance(report)) {
    console.log(
      `Proven: ${violations.length} pairs of answers contradict each other; ` +
        `the report has ${chain.length} exchanges`,
    );
  }
}

if (values.list !== undefined) {
  const { servers } = await loadEcosystem(values.list);
  await tell(servers);
} else if (values.serve !== undefined) {
  const servers = await Promise.all([
    start("north", Server, "127.0.0.1", "127.0.0.1"),
    start("east", Server, "127.0.0.2", "127.0.0.2"),
    start("south", Server, "127.0.0.3", "127.0.0.3"),
    start("west", HourAhead, "127.0.0.4", "127.0.0.4"),
  ]);
  await Deno.writeTextFile(values.serve, formatServerList({ servers }));
  console.log(`Four servers are running, ${values.serve} lists them`);
} else {
  // Operators are told apart by their domains, so the servers get names that only this
  // program can resolve.
  const servers = await Promise.all([
    start("north", Server, "127.0.0.1", "time.north.example"),
    start("east", Server, "127.0.0.1", "time.east.example"),
    start("south", Server, "127.0.0.1", "time.south.example"),
    start("west", HourAhead, "127.0.0.1", "time.west.example"),
  ]);
  await tell(
    servers,
    () => Promise.resolve([{ hostname: "127.0.0.1", family: 4 }]),
  );
  Deno.exit(); // and the servers with it
}
