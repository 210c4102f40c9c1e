import assert from "node:assert/strict";
import { ChaosServer } from "../../../lib/chaos/server.ts";
import type { Behaviour } from "../../../lib/chaos/behaviour.ts";
import { serveChaos } from "../../../lib/chaos/serve.ts";
import { EXIT } from "../../../lib/cli/terminal/exit_code.ts";
import { formatKey } from "../../../lib/wire/key_text.ts";
import { parseReport } from "../../../lib/verify/report.ts";
import { findSuspects, judgeReport } from "../../../lib/verify/judge.ts";
import {
  type Ended,
  execute,
  type Folder,
  folder,
  json,
  run,
} from "../../_support/cli.ts";
import { SECOND } from "../../_support/fixtures.ts";
import { hasIpv6 } from "../../_support/ipv6.ts";
import { HOUR } from "../../_support/realm.ts";

/** Three operators, since each has an address or a name of its own. */
const HOSTS = [
  ["127.0.0.1", "127.0.0.1"],
  ["127.0.0.1", "localhost"],
  ["::1", "[::1]"],
] as const;

function test(name: string, fn: () => Promise<void>): void {
  const ignore = !hasIpv6();
  Deno.test({
    name: ignore ? `${name} (skipped: no IPv6 for a third operator)` : name,
    ignore,
    fn,
  });
}

/** A list of chaos servers in a folder. */
interface Stage extends AsyncDisposable {
  readonly folder: Folder;
  readonly list: string;
  readonly keys: readonly Uint8Array[];
}

/** Serves so many chaos servers, one operator after the other, and lists them. */
async function stage(
  subjects: readonly (readonly Behaviour[])[],
): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  const keys: Uint8Array[] = [];
  const servers: unknown[] = [];
  const made = stack.use(await folder());
  for (const [n, behaviours] of subjects.entries()) {
    const server = await ChaosServer.create({ behaviours, seed: n + 1 });
    const [hostname, host] = HOSTS[n % 3] as typeof HOSTS[number];
    const { address } = stack.use(await serveChaos(server, { hostname }));
    keys.push(server.publicKey);
    servers.push({
      name: `s${n}`,
      version: "1",
      publicKeyType: "ed25519",
      publicKey: formatKey(server.publicKey),
      addresses: [{ protocol: "udp", address: `${host}:${address.port}` }],
    });
  }
  const list = made.in("list.json");
  await Deno.writeTextFile(list, JSON.stringify({ servers }));
  return {
    folder: made,
    list,
    keys,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const ASK = ["--transport", "udp", "--timeout"];

function state(
  { list }: Stage,
  timeout: number,
  ...more: string[]
): Promise<Ended> {
  return run("ecosystem", "state", list, ...ASK, `${timeout}`, ...more);
}

function malfeasance(
  { list, folder }: Stage,
  timeout: number,
  ...more: string[]
): Promise<Ended> {
  return run(
    ...["ecosystem", "malfeasance", "--ecosystem-path", list, ...ASK],
    ...[`${timeout}`, "--report-location", folder.in("report.json"), ...more],
  );
}

/** The last word of each server's line. */
function statusesIn({ out }: Ended): (string | undefined)[] {
  return out.filter((line) => /^s\d/.test(line))
    .map((line) => line.split(/ {2,}/).at(-1));
}

const lie = (offsetMicros: bigint): Behaviour[] => [
  { kind: "lie", offsetMicros },
];
const SILENT: Behaviour[] = [{ kind: "silence" }];
const FORGED: Behaviour[] = [{ kind: "wrong-key", signature: "DELE" }];
const PATIENT = 20;
const HASTY = 1;

test("honest servers: both commands end with 0, and no report is written", async () => {
  await using servers = await stage([[], [], []]);
  const asked = await state(servers, PATIENT);
  assert.equal(asked.code, EXIT.ok);
  assert.deepEqual(statusesIn(asked), ["ok", "ok", "ok"]);
  const { code, out, err } = await malfeasance(servers, PATIENT);
  assert.equal(code, EXIT.ok);
  assert.deepEqual(err, []);
  assert(out.includes("No malfeasance detected."));
  await assert.rejects(Deno.stat(servers.folder.in("report.json")));
});

for (const offsetMicros of [30n * SECOND, -30n * SECOND, 24n * HOUR, -HOUR]) {
  const seconds = offsetMicros / SECOND;
  test(`one of three lies by ${seconds} s: it is named, and convicted with 5`, async () => {
    await using servers = await stage([[], lie(offsetMicros), []]);
    const asked = await state(servers, PATIENT);
    assert.equal(asked.code, EXIT.ok);
    assert.deepEqual(statusesIn(asked), ["ok", "falseticker", "ok"]);
    const { code, out } = await malfeasance(servers, PATIENT);
    assert.equal(code, EXIT.malfeasance);
    assert(out.includes("Opinion: the majority disagrees with s1."));
    const file = servers.folder.in("report.json");
    const report = parseReport(await Deno.readTextFile(file));
    const verdict = await judgeReport(report);
    assert(verdict.ok && verdict.violations.length > 0);
    assert.deepEqual(findSuspects(verdict), [servers.keys[1]]);
    assert.equal((await run("report", "verify", file)).code, EXIT.malfeasance);
  });
}

test("a lie on the second pass alone shows in one command and not in the other", async () => {
  await using servers = await stage([[], [], [
    { kind: "lie", offsetMicros: -HOUR, from: 1 },
  ]]);
  const ended = await malfeasance(servers, PATIENT, "--json");
  assert.equal(ended.code, EXIT.malfeasance);
  const { malfeasance: isProven, disagrees, chain } = json(ended.out[0]);
  assert.deepEqual([isProven, disagrees], [true, ["s2"]]);
  assert.equal(chain.length, 6);
});

test("one of four is forged or silent: the others go on and end with 0", async () => {
  const cases = [
    [FORGED, "rejected: certificate-signature"],
    [SILENT, "no answer: timeout"],
  ] as const;
  await Promise.all(cases.map(async ([behaviours, status]) => {
    await using servers = await stage([[], [], [], behaviours]);
    const asked = await state(servers, HASTY);
    assert.equal(asked.code, EXIT.ok);
    assert.deepEqual(statusesIn(asked), ["ok", "ok", "ok", status]);
    const { code, err } = await malfeasance(servers, HASTY, "--always-write");
    assert.equal(code, EXIT.ok);
    assert.equal(err.filter((line) => line.includes("warning: s3")).length, 1);
    const file = servers.folder.in("report.json");
    // A reply that is not proven must not be in what is shown to others.
    assert.equal(parseReport(await Deno.readTextFile(file)).entries.length, 6);
    assert.equal((await run("report", "verify", file)).code, EXIT.ok);
  }));
});

test("the ends without a majority: 6, 5, 4 and 3", async () => {
  const cases: readonly (readonly [
    subjects: readonly (readonly Behaviour[])[],
    state: number,
    malfeasance: number,
  ])[] = [
    [[[], [], FORGED], EXIT.noQuorum, EXIT.noQuorum],
    [[[], lie(HOUR), lie(-HOUR)], EXIT.noQuorum, EXIT.malfeasance],
    [[FORGED, FORGED, FORGED], EXIT.rejected, EXIT.rejected],
    [[SILENT, FORGED, SILENT], EXIT.rejected, EXIT.rejected],
    [[SILENT, SILENT, SILENT], EXIT.noAnswer, EXIT.noAnswer],
  ];
  await Promise.all(cases.map(async ([subjects, expected, proven]) => {
    const isSure = subjects.flat().every(({ kind }) => kind === "lie");
    const timeout = isSure ? PATIENT : HASTY;
    await using servers = await stage(subjects);
    const asked = await state(servers, timeout);
    assert.equal(asked.code, expected, asked.out.join("\n"));
    const ended = await malfeasance(servers, timeout);
    assert.equal(ended.code, proven, ended.out.join("\n"));
  }));
});

test("two operators are enough if the user says so", async () => {
  await using servers = await stage([[], [], SILENT]);
  const fewer = ["--min-servers", "2"];
  assert.equal((await state(servers, HASTY, ...fewer)).code, EXIT.ok);
  assert.equal((await malfeasance(servers, HASTY, ...fewer)).code, EXIT.ok);
});

test("reports do not overwrite each other", async () => {
  await using servers = await stage([[], [], lie(HOUR)]);
  for (let n = 0; n < 3; n++) await malfeasance(servers, PATIENT);
  for (const name of ["report.json", "report-2.json", "report-3.json"]) {
    const file = servers.folder.in(name);
    assert.equal((await run("report", "verify", file)).code, EXIT.malfeasance);
  }
});

test("as processes: 0 and 5, with the table and the report", async () => {
  await using servers = await stage([[], [], lie(-HOUR)]);
  const { list, folder } = servers;
  const asked = await execute(["ecosystem", "state", list, ...ASK, "20"]);
  assert.equal(asked.code, EXIT.ok, asked.err.join("\n"));
  assert.deepEqual(statusesIn(asked), ["ok", "ok", "falseticker"]);
  const { code, out } = await execute(
    ["ecosystem", "malfeasance", "--ecosystem-path", list, ...ASK, "20"],
    { cwd: folder.path },
  );
  assert.equal(code, EXIT.malfeasance);
  const said = "Malfeasance detected. Writing report to ";
  assert(out.includes(`${said}'malfeasance_report.json'.`));
  const file = folder.in("malfeasance_report.json");
  assert.equal((await run("report", "verify", file)).code, EXIT.malfeasance);
});
