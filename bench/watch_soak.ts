/**
 * A long run of `roughly watch --serve` on loopback, as a process of its own: three honest
 * servers, one that lies, one that is dead, and pages that listen. No round may be lost, and
 * memory must stay flat: `deno run --allow-all bench/watch_soak.ts [MINUTES] [PAGES]`.
 */
// deno-lint-ignore-file no-console

import { command, folder, json, Lines, target } from "../tests/_support/cli.ts";
import {
  Ahead,
  dead,
  entry,
  named,
  writeList,
} from "../tests/_support/cli_many.ts";

const [minutes = 30, pages = 100] = Deno.args.map(Number);

await using stack = new AsyncDisposableStack();
const dir = stack.use(await folder());
const liar = { kind: Ahead, hostname: "127.0.0.2" };
const servers = [
  entry("alpha", stack.use(await target())),
  entry("beta", named(stack.use(await target()))),
  entry("gamma", stack.use(await target({}, { hostname: "::1" }))),
  entry("liar", stack.use(await target({}, liar))),
  dead("dead"),
];
const list = await writeList(dir.in("list.json"), servers);
const words = ["watch", list, "--db", dir.in("watch.db"), "--interval", "1"];
const child = command([...words, "--json", "--serve", "127.0.0.1:0"]).spawn();
const out = new Lines(child.stdout);
const err = new Lines(child.stderr);
const url = /http:\S+/.exec(await err.find("watching at "))?.[0];

/** Reads all events of a page; gives the numbers of the rounds that it was told. */
async function listen(): Promise<number[]> {
  const response = await fetch(`${url}events`);
  const ids: number[] = [];
  const stream = response.body?.pipeThrough(new TextDecoderStream()) ?? [];
  for await (const text of stream) {
    for (const [, id] of text.matchAll(/"round":\{"id":(\d+)/g)) {
      ids.push(Number(id));
    }
  }
  return ids;
}

/** Kilobytes that the process holds. */
async function residentKb(): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
}

const listening = Array.from({ length: pages }, listen);
for (let minute = 1; minute <= minutes; minute++) {
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  const rounds = out.all.filter((line) => line.includes('"event":"round"'));
  const last = json(rounds.at(-1)).round;
  const sizes = await Promise.all(
    ["watch.db", "watch.db-wal"].map((name) => Deno.stat(dir.in(name))),
  );
  const size = sizes.reduce((sum, one) => sum + one.size, 0);
  console.log(
    `${minute} min: round ${last.id}, ${last.agreeing} of ${last.voters} agree, ${
      Math.round(await residentKb() / 1024)
    } MB resident, ${Math.round(size / 1024)} KB of history`,
  );
}
child.kill("SIGTERM");
const { code } = await child.status;
await Promise.all([out.finished, err.finished]);
const told = out.all.filter((line) => line.includes('"event":"round"'))
  .map((line) => json(line).round.id);
const isWhole = told.every((id, i) => id === i + 1);
const heard = (await Promise.all(listening)).map((ids) =>
  ids.every((id, i) => i === 0 || id === (ids[i - 1] as number) + 1)
);
console.log(
  `ended with ${code}; ${told.length} rounds, ${
    isWhole ? "none lost" : "SOME LOST"
  }; ${heard.filter((one) => one).length} of ${pages} pages were told each`,
);
