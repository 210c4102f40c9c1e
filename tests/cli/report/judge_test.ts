import assert from "node:assert/strict";
import { formatKey } from "../../../lib/wire/key_text.ts";
import { malfeasanceReport } from "../../../lib/verify/report.ts";
import { Server } from "../../../lib/server/core.ts";
import {
  CLI,
  fails,
  folder,
  json,
  linesOf,
  programWords,
  run,
  target,
} from "../../_support/cli.ts";
import { flip } from "../../_support/fixtures.ts";
import {
  Ahead,
  Behind,
  entry,
  gatherEvidence,
  lyingReport,
  writeList,
} from "../../_support/cli_many.ts";
import { makeChain } from "../../_support/many.ts";
import { thirdParty, thirdPartyText } from "../../_support/vectors.ts";

const VERIFY = ["report", "verify"];
const EXPLAIN = ["report", "explain"];

async function withReport(
  text: string,
): Promise<AsyncDisposable & { file: string; in(name: string): string }> {
  const there = await folder();
  const file = there.in("report.json");
  await Deno.writeTextFile(file, text);
  return {
    file,
    in: there.in,
    [Symbol.asyncDispose]: () => there[Symbol.asyncDispose](),
  };
}

Deno.test({
  ...thirdParty("report verify believes the specification's example"),
  fn: async () => {
    const name = "ietf-draft-roughtime/appendix-b-malfeasance-report.json";
    await using given = await withReport(thirdPartyText(name));
    const { code, out, err } = await run(...VERIFY, given.file);
    assert.equal(code, 5);
    assert.deepEqual(err, []);
    assert.equal(out.length, 1);
    assert.match(
      out[0] ?? "",
      /^Malfeasance proven: entries \d+ \(\S+=\) and \d+ \(\S+=\) contradict each other by [\d.]+ seconds, so one of the two lied/,
    );
    const explained = await run(...EXPLAIN, given.file);
    assert.equal(explained.code, 5);
    assert.match(explained.out[0] ?? "", /^Form: rfc-10049, \d+ replies, all/);
    assert(explained.out.some((line) => line.startsWith("Proven: ")));
    assert.match(explained.out.at(-1) ?? "", /^Opinion: /);
  },
});

Deno.test({
  ...thirdParty("report verify finds nothing wrong with Google's chain"),
  fn: async () => {
    const name = "google-roughtime/roughtime-chain.json";
    await using given = await withReport(thirdPartyText(name));
    const { code, out } = await run(...VERIFY, given.file);
    assert.equal(code, 0);
    assert.match(out[0] ?? "", /^Consistent: all \d+ replies are proven/);
    const explained = await run(...EXPLAIN, given.file);
    assert.equal(explained.code, 0);
    assert.match(explained.out[0] ?? "", /^Form: google-chain, /);
  },
});

Deno.test("report verify and explain accuse nobody if the replies agree", async () => {
  const chain = await gatherEvidence(Server, Server);
  await using given = await withReport(malfeasanceReport(chain));
  const { code, out, err } = await run(...VERIFY, given.file);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.deepEqual(out, [
    "Consistent: all 4 replies are proven, and none contradicts another.",
  ]);
  const explained = await run(...EXPLAIN, given.file);
  assert.equal(explained.code, 0);
  assert.equal(
    explained.out.at(-1),
    "No two replies contradict each other. That does not prove that they are right.",
  );
  assert.match(explained.out.at(-2) ?? "", /^Note: 2 of the keys are in no /);
  assert.equal(explained.out.length, 1 + 1 + 4 + 1 + 1);
});

Deno.test("report explain says which, by how much, and whose, by the list's names", async () => {
  const chain = await gatherEvidence(Server, Ahead, Behind);
  await using given = await withReport(malfeasanceReport(chain));
  const [honest, ahead, behind] = chain.slice(0, 3).map(({ exchange }) =>
    formatKey(exchange.publicKey)
  ) as [string, string, string];
  const at = "127.0.0.1:2002";
  const list = await writeList(given.in("list.json"), [
    entry("honest", { at, key: honest }),
    entry("ahead\u001b[2J", { at, key: ahead }),
  ]);
  const { code, out, err } = await run(...EXPLAIN, given.file, "--list", list);
  assert.equal(code, 5);
  assert.deepEqual(err, []);
  assert.equal(
    out[0],
    "Form: rfc-10049, 6 replies, all proven and in this order",
  );
  assert.match(out[1] ?? "", /^ENTRY +SERVER +VERSION +MIDPOINT +RADIUS$/);
  const names = ["honest", "ahead\\u{1b}[2J", behind];
  out.slice(2, 8).forEach((row, i) => {
    const [number, name, version, , sign, radius, unit] = row.split(/ +/);
    assert.equal(number, String(i));
    assert.equal(name, names[i % 3]);
    assert.match(version ?? "", /^(1|0x8000000c)$/);
    assert.deepEqual([sign, radius, unit], ["±", "3", "s"]);
  });
  assert.match(out[8] ?? "", /^Note: 1 of the keys is in no list /);
  const proofs = out.slice(9, -1);
  const said = (earlier: string, seconds: string, later: string) =>
    proofs.some((line) =>
      line.startsWith(`Proven: ${earlier} said in entry `) &&
      line.includes(` that it was ${seconds}`) &&
      line.includes(` seconds later than ${later} can allow in entry `)
    );
  assert(said("ahead\\u{1b}[2J", "719", behind), proofs.join("\n"));
  assert(said("ahead\\u{1b}[2J", "359", "honest"), proofs.join("\n"));
  assert(said("honest", "359", behind), proofs.join("\n"));
  assert.equal(proofs.length, 3);
  assert.equal(
    out.at(-1),
    "Opinion: none. The report alone does not point to one server.",
  );
  const verified = await run(...VERIFY, given.file, "--list", list);
  assert.match(verified.out[0] ?? "", /\(ahead\\u\{1b\}\[2J\) and \d /);
});

Deno.test("report explain has an opinion if one server is in every contradiction", async () => {
  const chain = await gatherEvidence(Ahead, Server, Server);
  await using given = await withReport(malfeasanceReport(chain));
  const { out } = await run(...EXPLAIN, given.file);
  const liar = formatKey(chain[0]?.exchange.publicKey as Uint8Array);
  assert.equal(
    out.at(-1),
    `Opinion: ${liar} has a part in every contradiction; if the others are honest, it is the one.`,
  );
});

Deno.test("keys that nobody listed make no listed server a suspect", async () => {
  // Two keys of the writer's are ahead; the honest server is in every contradiction.
  const chain = await gatherEvidence(Ahead, Ahead, Server);
  await using given = await withReport(malfeasanceReport(chain.slice(0, 3)));
  const honest = chain[2]?.exchange.publicKey as Uint8Array;
  const listOf = (keys: readonly Uint8Array[]) => ({
    servers: keys.map((key, i) => ({
      name: `listed-${i}`,
      version: 1,
      publicKeyType: "ed25519",
      publicKey: formatKey(key),
      addresses: [{ protocol: "udp", address: "localhost:2002" }],
    })),
  });
  const judged = async (keys: readonly Uint8Array[]) => {
    const file = given.in("keys.json");
    await Deno.writeTextFile(file, JSON.stringify(listOf(keys)));
    const words = [given.file, "--list", file];
    const { out: [line], err } = await run(...VERIFY, ...words);
    const { out: [data] } = await run(...VERIFY, ...words, "--json");
    const { out } = await run(...EXPLAIN, ...words);
    return { line, err, opinion: out.at(-1) ?? "", data: json(data) };
  };
  const alone = await judged([honest]);
  assert.match(alone.line ?? "", /^Malfeasance proven: /);
  assert.match(alone.err[0] ?? "", /^roughly: note: keys that are in no list /);
  assert.match(alone.opinion, /^Opinion: none\./);
  assert.deepEqual(alone.data.suspects, []);
  assert.deepEqual(
    alone.data.entries.map(({ listed }: { listed: boolean }) => listed),
    [false, false, true],
  );
  const all = await judged(chain.map(({ exchange }) => exchange.publicKey));
  assert.deepEqual(all.err, []);
  assert.deepEqual(all.data.suspects, [formatKey(honest)]);
});

Deno.test("report verify names the entry in which one bit is wrong", async () => {
  const chain = await gatherEvidence(Ahead, Server);
  for (const [index, { exchange }] of chain.entries()) {
    const bit = 8 * (exchange.response.length - 40);
    const response = flip(exchange.response, bit);
    const forged = chain.map((link, i) =>
      i === index ? { ...link, exchange: { ...exchange, response } } : link
    );
    await using given = await withReport(malfeasanceReport(forged));
    const { code, out, err } = await run(...VERIFY, given.file);
    assert.equal(code, 4);
    assert.deepEqual(err, []);
    assert.equal(out.length, 1);
    assert(out[0]?.startsWith(`Invalid: entry ${index} proves nothing: `));
    const { code: same, out: [line] } = await run(
      ...VERIFY,
      given.file,
      "--json",
    );
    assert.equal(same, 4);
    const result = json(line);
    assert.equal(result.ok, false);
    assert.equal(result.form, "rfc-10049");
    assert.equal(result.error.entry, index);
    assert.equal(result.error.code, "rejected");
    assert.equal(typeof result.error.rejection.code, "string");
  }
});

Deno.test("report verify does not take replies in another order", async () => {
  const chain = await gatherEvidence(Ahead, Server);
  await using given = await withReport(malfeasanceReport(chain.toReversed()));
  const { code, out } = await run(...VERIFY, given.file);
  assert.equal(code, 4);
  assert.match(out[0] ?? "", /^Invalid: entry 1 proves nothing: its nonce /);
  const explained = await run(...EXPLAIN, given.file);
  assert.equal(explained.code, 4);
  assert.deepEqual(explained.out, ["Form: rfc-10049", out[0]]);
});

Deno.test("report verify and explain end with 4 for what is no report", async () => {
  const cases: [text: string, message: string][] = [
    ["", "it is not JSON"],
    ["{", "it is not JSON"],
    ["7", "it is neither an object nor an array"],
    ["[]", "it has no entries"],
    ['{"responses":[{"rand":"?"}]}', 'entry 0: "response" is missing'],
  ];
  for (const [text, why] of cases) {
    await using given = await withReport(text);
    for (const command of [VERIFY, EXPLAIN]) {
      const { code, out, err } = await run(...command, given.file);
      assert.equal(code, 4);
      assert.deepEqual(err, []);
      assert.deepEqual(out, [`Invalid: Cannot read report: ${why}.`]);
      const { code: same, out: lines } = await run(
        ...command,
        given.file,
        "--json",
      );
      assert.equal(same, 4);
      assert.deepEqual(lines.map(json), [{
        schema: "roughly/report/1",
        ok: false,
        error: { code: "report", message: `Cannot read report: ${why}` },
      }]);
    }
  }
});

Deno.test("report verify and explain end with 2 for what cannot be read", async () => {
  await using given = await withReport("[]");
  const none = given.in("none");
  for (const command of [VERIFY, EXPLAIN]) {
    await fails(2, `there is no file ${none}`, ...command, none);
    await fails(2, /^cannot read .*: /, ...command, given.in("."));
    await fails(2, /^missing required argument/, ...command);
    await fails(
      2,
      /^there is no file /,
      ...command,
      given.file,
      "--list",
      none,
    );
    await fails(
      2,
      "report and list cannot both come from the standard input",
      ...[...command, "-", "--list=-"],
    );
  }
  const { out } = await fails(2, /./, ...VERIFY, none, "--json");
  assert.equal(json(out[0]).schema, "roughly/report/1");
  assert.equal(json(out[0]).error.code, "usage");
});

Deno.test("report verify and explain --json print the same object", async () => {
  const chain = await gatherEvidence(Ahead, Server);
  await using given = await withReport(malfeasanceReport(chain));
  const { code, out, err } = await run(...VERIFY, given.file, "--json");
  assert.equal(code, 5);
  assert.deepEqual(err, []);
  assert.equal(out.length, 1);
  const result = json(out[0]);
  assert.equal(result.schema, "roughly/report/1");
  assert.equal(result.ok, true);
  assert.equal(result.malfeasance, true);
  const keys = chain.map(({ exchange }) => formatKey(exchange.publicKey));
  result.entries.forEach(
    (
      one: Record<string, string> & { midpoint: { micros: string } },
      i: number,
    ) => {
      assert.equal(one.server, keys[i]);
      assert.equal(one.publicKey, keys[i]);
      assert.equal(one.radiusMicros, "3000000");
      const { verdict } = (chain[i] as typeof chain[0]).answer;
      assert.equal(one.midpoint.micros, String(verdict.midpointMicros));
    },
  );
  assert.equal(result.entries.length, 4);
  assert.deepEqual(result.suspects.sort(), keys.slice(0, 2).sort());
  for (const { earlier, later, gapMicros } of result.violations) {
    assert.equal(keys[earlier], keys[0]);
    assert.equal(keys[later], keys[1]);
    assert(earlier < later);
    assert(BigInt(gapMicros) > 3_590_000_000n);
  }
  const explained = await run(...EXPLAIN, given.file, "--json");
  assert.equal(explained.code, 5);
  assert.deepEqual(explained.out, out);
});

Deno.test("report verify needs the list's keys for forms without", async () => {
  await using server = await target();
  const words = ["query", server.at, server.key, "--offer=draft-08", "--json"];
  const { exchange } = json((await run(...words)).out[0]);
  const text = JSON.stringify({ nonces: [""], responses: [exchange.response] });
  await using given = await withReport(text);
  const { code, out } = await run(...VERIFY, given.file);
  assert.equal(code, 4);
  assert.match(
    out[0] ?? "",
    /^Invalid: entry 0 proves nothing: the report names no key/,
  );
  const list = await writeList(given.in("list.json"), [entry("one", server)]);
  const known = await run(...EXPLAIN, given.file, "--list", list);
  assert.equal(known.code, 0);
  assert.match(known.out[0] ?? "", /^Form: draft-08, 1 reply, proven$/);
  assert.match(known.out[2] ?? "", /^0 +one /);
});

Deno.test("report verify reads the standard input, with no permission but to know the list", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...programWords(CLI, []), ...VERIFY, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(await lyingReport()));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.deepEqual(linesOf(stderr), []);
  assert.equal(code, 5);
  assert.match(linesOf(stdout)[0] ?? "", /^Malfeasance proven: /);
});

Deno.test("report explain does not bury a reader under contradictions", async () => {
  const chain = await makeChain(
    Array.from({ length: 16 }, (_, server) => ({
      dialect: "rfc-10049",
      server,
      aheadMicros: -3_600_000_000n * BigInt(server),
    })),
  );
  await using given = await withReport(malfeasanceReport(chain));
  const { code, out } = await run(...EXPLAIN, given.file);
  assert.equal(code, 5);
  const proofs = out.filter((line) => line.startsWith("Proven: "));
  assert.equal(proofs.length, 101);
  assert.equal(proofs.at(-1), "Proven: 20 more such pairs.");
  // The worst comes first.
  assert.match(proofs[0] ?? "", / in entry 0 .* in entry 15,/);
});
