/**
 * Every pair of options of every command. Two that exclude each other, or of which one would
 * do nothing beside the other, are refused; all others are not. What a server would do is
 * looked at as well, so that an option that is ignored one day is found without a list.
 *
 * @module
 */

import assert from "node:assert/strict";
import { formatKey } from "../../lib/wire/key_text.ts";
import { giving, type Leaf, leaves, pairs } from "../_support/command_table.ts";
import { type Ended, run } from "../_support/cli.ts";
import { environment } from "../_support/environment.ts";
import { bytes } from "../_support/fixtures.ts";

const MISSING = "no-such-file";

/** Values that do not go against another option's default. */
const VALUES: Readonly<Record<string, string>> = {
  "--max-radius": "60",
  "--versions": "1",
  ...Object.fromEntries(
    ["--key-file", "--delegation", "--list", "--ecosystem-path"]
      .map((name) => [name, MISSING]),
  ),
  "--out": `${MISSING}/x`,
};

/** Pairs of which one would do nothing; those that commander keeps apart are in its table. */
const IGNORED: Readonly<Record<string, readonly string[]>> = {
  "probe": ["--all --offer"],
  "watch": [
    "--once --interval",
    "--once --serve",
    "--no-db --keep-days",
    "--no-db --keep-packets-days",
    // With --once there is no page.
    "--once --allow-host",
    "--once --relay",
  ],
  "server run": [
    "--port --listen",
    "--no-tcp --max-connections",
    "--no-tcp --max-connections-per-address",
    "--io --max-delay",
    "--io --workers",
    "--max-radius --trust-clock",
    "--delegation --validity-seconds",
    "--no-grease --grease-probability",
    "--prefer-rfc --versions",
  ],
};

/** Has every command fail before it does anything, whatever else it is given. */
function harmless(path: string, given: readonly string[]): string[] {
  const without = (names: readonly string[], ...words: string[]) =>
    names.some((name) => given.includes(name)) ? [] : words;
  switch (path) {
    case "query": // a list means something only to a name
      return given.includes("--list")
        ? without(["--name"], "--name=x")
        : without(["--name"], "host", "no key");
    case "probe":
    case "bench":
      return ["host", "no key"];
    case "watch": // these mean something only to a page
      return [
        ...without(["--list"], `--list=${MISSING}`),
        ...["--relay", "--allow-host"].some((name) => given.includes(name))
          ? without(["--serve"], "--serve")
          : [],
      ];
    case "ecosystem list":
    case "ecosystem state":
    case "clock check":
    case "clock wait":
    case "clock set":
      return without(["--list"], `--list=${MISSING}`);
    case "ecosystem malfeasance":
      return without(["--list", "--ecosystem-path"], `--list=${MISSING}`);
    case "ecosystem lint":
    case "report verify":
    case "report explain":
    case "report submit":
    case "server pubkey":
      return [MISSING];
    case "server keygen":
      return without(["--out"], `--out=${MISSING}/x`);
    case "server delegate":
      return without(["--key-file"], `--key-file=${MISSING}`);
    case "server run": // whose key, in the environment, is none
      return given.includes("--json")
        ? without(["--check-config"], "--check-config")
        : [];
  }
  throw new Error(`nothing is known that makes '${path}' harmless`);
}

function wordsFor([, command]: Leaf, name: string): string[] {
  const option = command.options.find(({ long }) => long === name);
  assert(option);
  const value = VALUES[name];
  return value === undefined ? giving(option) : [name, value];
}

const REFUSAL = /it would do nothing|cannot be used with|two server lists/;

function isRefused({ code, out, err }: Ended): boolean {
  return code === 2 && REFUSAL.test([...out, ...err].join("\n"));
}

for (const leaf of leaves()) {
  const [words, command] = leaf;
  const path = words.join(" ");
  const names = command.options.map(({ long }) => long as string)
    .filter((name) => name !== "--help");

  Deno.test(`${path} refuses the pairs of options that do not go together, and no others`, async () => {
    using _ = environment({ ROUGHLY_SERVER_PRIVATE_KEY: "no key" });
    const declared = command.options.flatMap((option) => {
      const { conflictsWith } = option as unknown as {
        conflictsWith: string[];
      };
      return command.options
        .filter((other) => conflictsWith.includes(other.attributeName()))
        .map((other) => [option.long, other.long].join(" "));
    });
    const wanted = new Set(
      [...declared, ...IGNORED[path] ?? []]
        .map((pair) => pair.split(" ").sort().join(" ")),
    );
    const refused = new Set<string>();
    for (const pair of pairs(names)) {
      const given = pair.flatMap((name) => wordsFor(leaf, name));
      const ended = await run(...words, ...harmless(path, pair), ...given);
      assert.notEqual(
        ended.code,
        0,
        `${path} ${given.join(" ")} did something`,
      );
      if (isRefused(ended)) refused.add(pair.toSorted().join(" "));
    }
    assert.deepEqual([...refused].sort(), [...wanted].sort());
  });

  Deno.test(`${path} refuses empty words`, async () => {
    const taking = command.options.filter(({ required }) => required);
    for (const { long } of taking) {
      const { code, err } = await run(...words, `${long}=`);
      assert.equal(code, 2, long);
      assert(err.join("\n").includes(long as string), err.join("\n"));
    }
    for (const argument of command.registeredArguments) {
      const { code, err } = await run(...words, "");
      assert.equal(code, 2);
      assert.match(
        err[0] ?? "",
        /empty word|as a host|cannot use ""|unknown command/,
        argument.name(),
      );
    }
  });
}

/** What `--check-config` has no reason to tell. */
const UNTOLD = new Set(["--log-format", "--json", "--check-config"]);
/** These name keys, ports and backends, which are tried elsewhere. */
const ELSEWHERE = new Set([
  ...["--private-key", "--key-file", "--delegation", "--host", "--port"],
  ...["--io", "--workers", "--max-delay"],
]);

Deno.test("every option of server run changes what would be served, beside any other", async () => {
  const leaf = leaves().find(([path]) => path.join(" ") === "server run");
  assert(leaf);
  const check = async (...given: string[]): Promise<string | undefined> => {
    const ended = await run(
      ...["server", "run", "--check-config", "--json"],
      ...["--private-key", formatKey(bytes(32, 7)), "--listen=127.0.0.1:0"],
      "--io=portable",
      "--versions=1,0x8000000c",
      ...given,
    );
    if (isRefused(ended)) return undefined;
    assert.equal(ended.code, 0, [...given, ...ended.out].join("\n"));
    return ended.out.join("\n");
  };
  const plain = await check();
  const names = leaf[1].options.map(({ long }) => long as string)
    .filter((name) => !UNTOLD.has(name) && !ELSEWHERE.has(name));
  const alone = new Map<string, string>();
  for (const name of names) {
    const told = await check(...wordsFor(leaf, name));
    assert(told !== undefined, name);
    assert.notEqual(told, plain, `${name} changes nothing`);
    alone.set(name, told);
  }
  for (const pair of pairs(names)) {
    const both = await check(...pair.flatMap((name) => wordsFor(leaf, name)));
    if (both === undefined) continue; // refused
    const [one, other] = pair;
    assert.notEqual(
      both,
      alone.get(other),
      `${one} is ignored with ${other}`,
    );
    assert.notEqual(both, alone.get(one), `${other} is ignored with ${one}`);
  }
});
