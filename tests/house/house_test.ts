/**
 * The rules of the house that neither the compiler nor the linter holds, on the graph of
 * imports as Deno itself sees it.
 */

import assert from "node:assert/strict";
import { filesUnder, read, ROOT } from "../_support/tree.ts";

const { exports: EXPORTS } = JSON.parse(read("deno.json")) as {
  exports: Readonly<Record<string, string>>;
};
const DOORS = Object.values(EXPORTS).map((door) => door.replace("./", ""));

/** The rooms of lib/, from the ground up: what each may import besides itself. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  crypto: [],
  wire: ["crypto"],
  verify: ["wire"],
  net: ["wire"],
  client: ["net", "verify"],
  server: ["net"],
  ecosystem: ["client"],
  clock: ["ecosystem"],
  chaos: ["server", "ecosystem"],
  load: ["net", "verify"],
  relay: ["ecosystem"],
  watch: ["relay"],
  cli: ["chaos", "clock", "load", "watch"],
};

/** What a room may import: what it names, and what those may. */
function reach(room: string): Set<string> {
  const below = ROOMS[room] ?? [];
  return new Set([room, ...below.flatMap((one) => [...reach(one)])]);
}

function roomOf(path: string): string {
  return /^lib\/([^/]+)\//.exec(path)?.[1] ?? "";
}

interface Graph {
  /** Files of lib/ and doors, with the files that each imports, types included. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  /** What each imports from elsewhere, such as `node:net` and `npm:commander`. */
  readonly foreign: ReadonlyMap<string, readonly string[]>;
}

interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier: string };
      readonly type?: { readonly specifier: string };
    }[];
  }[];
}

/** Imports every door. */
const ALL = "tests/_support/doors.ts";

async function readInfo(): Promise<Info> {
  const { stdout, code } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", ALL],
    cwd: ROOT,
  }).output();
  assert.equal(code, 0);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function readGraph(): Promise<Graph> {
  const files = new Map<string, string[]>();
  const foreign = new Map<string, string[]>();
  for (const { specifier, dependencies = [] } of (await readInfo()).modules) {
    if (!specifier.startsWith(ROOT.href) || !specifier.endsWith(".ts")) {
      continue;
    }
    const path = specifier.slice(ROOT.href.length);
    if (path === ALL) continue;
    const targets = dependencies.map((one) =>
      (one.code ?? one.type)?.specifier ?? one.specifier
    );
    const inside = targets.filter((one) => one.startsWith(ROOT.href));
    files.set(path, inside.map((one) => one.slice(ROOT.href.length)));
    foreign.set(path, targets.filter((one) => !one.startsWith("file:")));
  }
  return { files, foreign };
}

/** Made from web/, with what it needs of the other rooms in it. */
const PAGE = "lib/watch/page_assets.ts";

const GRAPH = await readGraph();
const PATHS = [...GRAPH.files.keys()];

/** Code without comments; a rule about words is not about what is said of them. */
function codeOf(path: string): string {
  return read(path)
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .replaceAll(/(^|\s)\/\/.*$/gm, "");
}

const LIB = filesUnder("lib/")
  .filter((path) => path.endsWith(".ts") && !path.includes("/assembly/"));

/** Fails with the whole list rather than with the first finding. */
function rule(name: string, findings: () => readonly string[]): void {
  Deno.test({
    name,
    permissions: { read: true },
    fn: () => assert.deepEqual(findings(), []),
  });
}

Deno.test("the graph is that of the house", { permissions: "none" }, () => {
  assert(PATHS.length > 150);
  for (const door of DOORS) assert(PATHS.includes(door), `${door}, in ${ALL}`);
  assert(GRAPH.files.get("verify.ts")?.includes("lib/verify/response.ts"));
  assert(
    GRAPH.foreign.get("lib/crypto/ed25519.ts")
      ?.some((one) => one.startsWith("npm:@noble/ed25519")),
  );
  assert.deepEqual([...reach("client")].sort(), [
    ...["client", "crypto", "net", "verify", "wire"],
  ]);
});

rule(
  "every file is in a room, and a door opens it",
  () => LIB.filter((path) => !(roomOf(path) in ROOMS) || !PATHS.includes(path)),
);

rule(
  "a room imports from those below it",
  () =>
    PATHS.flatMap((path) =>
      (GRAPH.files.get(path) ?? [])
        .filter((target) => roomOf(path) !== "" && roomOf(target) !== "")
        .filter((target) => !reach(roomOf(path)).has(roomOf(target)))
        .map((target) => `${path} imports ${target}`)
    ),
);

rule(
  "nothing in the house imports a door but a door",
  () =>
    PATHS.filter((path) => path.startsWith("lib/")).flatMap((path) =>
      (GRAPH.files.get(path) ?? []).filter((target) => DOORS.includes(target))
        .map((target) => `${path} imports ${target}`)
    ),
);

rule("no file imports itself by a detour", () => {
  // Whatever imports only what is finished is finished; what is left goes round.
  const left = new Map(GRAPH.files);
  for (let before = Infinity; left.size < before;) {
    before = left.size;
    for (const [path, targets] of left) {
      if (!targets.some((target) => left.has(target))) left.delete(path);
    }
  }
  return [...left.keys()];
});

rule(
  "Ed25519 and SHA-2 are reached for in lib/crypto alone",
  () =>
    PATHS.filter((path) => roomOf(path) !== "crypto" && path !== PAGE)
      .filter((path) =>
        GRAPH.foreign.get(path)?.some((one) =>
          /@noble\/|^node:crypto$/.test(one)
        ) ||
        /\bsubtle\b/.test(codeOf(path))
      ),
);

rule(
  "what judges and what it stands on needs no Node",
  () =>
    PATHS.filter((path) => ["crypto", "wire", "verify"].includes(roomOf(path)))
      .filter((path) =>
        GRAPH.foreign.get(path)?.some((one) => one.startsWith("node:")) ||
        /\bDeno\b/.test(codeOf(path))
      ),
);

rule(
  "a version's number stands in one file",
  () =>
    LIB.filter((path) => path !== "lib/wire/dialect.ts")
      .filter((path) =>
        /\b0x800000(?!00)[\da-f]{2}\b(?![^\n]*")/i.test(codeOf(path))
      ),
);

rule(
  "one folder talks to the console",
  () =>
    LIB.filter((path) =>
      !path.startsWith("lib/cli/terminal/") && /\bconsole\./.test(codeOf(path))
    ),
);

rule(
  "one file writes to the program's channels",
  () =>
    LIB.filter((path) =>
      path !== "lib/cli/terminal/output.ts" &&
      /\bconsole\.|\b(Deno|process)\.std(out|err)\b/.test(codeOf(path))
    ),
);

rule(
  // The table of dialects is exempt: it has a line for each cell so that it can be read.
  "no file but the version table is longer than 400 lines",
  () =>
    LIB.filter((path) => path !== "lib/wire/dialect.ts").filter((path) =>
      read(path).split("\n").length > 401
    ),
);

rule(
  "no test file is longer than 600 lines",
  () =>
    filesUnder("tests/").filter((path) => path.endsWith(".ts")).filter((path) =>
      read(path).split("\n").length > 601
    ),
);

rule("a test stands where its file stands, under the same name", () => {
  const tests = new Set(filesUnder("tests/"));
  return LIB.filter((path) => !/^lib\/(cli|net|server\/fast)\//.test(path))
    .filter((path) =>
      /^export (?!type\b|interface\b)/m.test(codeOf(path)) &&
      !tests.has(path.replace(/^lib/, "tests").replace(/\.ts$/, "_test.ts"))
    );
});

rule("every folder of tests is among those that are run", () => {
  const rooms = filesUnder("tests/rooms/").map(read).join("");
  const folders = filesUnder("tests/")
    .filter((path) => path.endsWith("_test.ts"))
    .map((path) => path.split("/").slice(1, -1).join("/"));
  return [...new Set(folders)]
    .filter((folder) => !rooms.includes(JSON.stringify(folder)));
});

rule(
  "files are named in snake_case",
  () =>
    [...LIB, ...filesUnder("tests/"), ...DOORS]
      .filter((path) => path.endsWith(".ts"))
      .filter((path) => !/(^|\/)[a-z][a-z0-9]*(_[a-z0-9]+)*\.ts$/.test(path)),
);
