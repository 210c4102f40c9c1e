import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);

/** Files at the root that may not all be there; they are the faces. */
const DOORS = [
  "mod.ts",
  "ecosystem.ts",
  "clock.ts",
  "server.ts",
  "verify.ts",
  "wire.ts",
  "chaos.ts",
  "cli.ts",
];

/** Which files make up a layer. An import goes to the same layer or to one before it. */
const LAYERS: readonly (readonly [name: string, files: RegExp])[] = [
  ["facts", /^lib\/(tag|dialect|rejection|drop_reason|errors)\.ts$/],
  [
    "bytes",
    /^lib\/(bigint|bytes|message|frame|timestamp|key_text|chance|loose)\.ts$/,
  ],
  ["maths", /^lib\/((crypto|merkle)\.ts|kernel\/.+)$/],
  ["documents", /^lib\/(field|request|certificate|response)\.ts$/],
  [
    "judgement",
    /^lib\/(verify|leap_second|chain|report|report_verdict|server_address|server_list|operator|list_lint|bundled_list|quorum|clock_model|sleep_watch|responder|fast_responder|slot_reader|reply_template|grease|keyring|delegation|clock_guard|counters|metrics|server_event|malformed|histogram|load_report|malformed_reply|good_reply|fuzz|load_packet|load_judge|slot_reader|reply_template)\.ts$/,
  ],
  ["sockets", /^lib\/net\/.+$/],
  [
    "roles",
    /^lib\/(ask|round_trip|client|ecosystem|reach|pick|vote|measure|clock|clock_watch|report_submit|https_get|retry_after|open_file|chaos|chaos_reply|load|server|server_options|serve|worker|worker_message|workers|listen|key_care|chaos_behaviour|chaos_serve|fake_world|load_lane|key_care)\.ts$/,
  ],
  ["faces", /^(lib\/cli\/.+|[^/]+\.ts)$/],
];

/** Layers up to and with this one run anywhere: no `Deno`, no `node:` imports. */
const JUDGEMENT = LAYERS.findIndex(([name]) => name === "judgement");

function layerOf(path: string): number {
  return LAYERS.findIndex(([, files]) => files.test(path));
}

/** What the rules look at: source text without comments, and without what strings say. */
interface Source {
  readonly path: string;
  readonly lines: number;
  /** Code; a string literal is its number in `strings` between quotes. */
  readonly code: string;
  readonly strings: readonly string[];
}

/** After these a slash begins a regular expression, otherwise it divides. */
const BEFORE_REGEXP =
  /(^|[(,=:[!&|?{};+\-*%<>~^]|\b(return|typeof|case|in|of))$/;

/** Takes a source apart. It knows as much of the language as this takes and no more. */
function scan(path: string, text: string): Source {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  const literal = (value: string) => {
    code += `"${strings.length}"`;
    strings.push(value);
  };
  const quoted = (quote: string): string => {
    let value = "";
    for (at++; at < text.length && text[at] !== quote; at++) {
      if (text[at] === "\\") value += text[at++];
      value += text[at];
    }
    at++;
    return value;
  };
  const regexp = () => {
    let inClass = false;
    for (at++; at < text.length && (inClass || text[at] !== "/"); at++) {
      if (text[at] === "\\") at++;
      else if (text[at] === "[") inClass = true;
      else if (text[at] === "]") inClass = false;
    }
    at++;
    code += "/regexp/";
  };
  const template = () => {
    let value = "";
    for (at++; at < text.length && text[at] !== "`";) {
      if (text.startsWith("${", at)) {
        at += 2;
        code += "(";
        run("}");
        code += ")";
      } else {
        if (text[at] === "\\") value += text[at++];
        value += text[at++];
      }
    }
    at++;
    literal(value);
  };
  function run(until?: string): void {
    for (let depth = 0; at < text.length;) {
      const char = text[at] as string;
      if (char === until && depth === 0) {
        at++;
        return;
      }
      if (text.startsWith("//", at)) {
        while (at < text.length && text[at] !== "\n") at++;
      } else if (text.startsWith("/*", at)) {
        const end = text.indexOf("*/", at + 2);
        at = end < 0 ? text.length : end + 2;
        code += " ";
      } else if (char === '"' || char === "'") literal(quoted(char));
      else if (char === "`") template();
      else if (char === "/" && BEFORE_REGEXP.test(code.trimEnd())) regexp();
      else {
        if (char === "{") depth++;
        if (char === "}") depth--;
        code += char;
        at++;
      }
    }
  }
  run();
  return { path, lines: text.split("\n").length - 1, code, strings };
}

const IMPORTS: readonly RegExp[] = [
  /\b(?:import|export)\b[^";()=]*?\bfrom\s*"(\d+)"/g, // import and export ... from
  /\bimport\s*"(\d+)"/g, // for its effects
  /\bimport\s*\(\s*"(\d+)"\s*[,)]/g, // import(), also in a type
];

function importsOf({ code, strings }: Source): string[] {
  return IMPORTS.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => strings[Number(match[1])] ?? "")
  );
}

/** Where a relative import leads, from the root. */
function resolve(path: string, specifier: string): string {
  const base = new URL(path, "file:///");
  return new URL(specifier, base).pathname.slice(1);
}

function list(folder: string): string[] {
  const paths: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) paths.push(...list(`${folder}${name}/`));
    else paths.push(`${folder}${name}`);
  }
  return paths.sort();
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(new URL(path, ROOT)).isFile;
  } catch {
    return false;
  }
}

function sources(): Source[] {
  const lib = list("lib/").filter((path) => path.endsWith(".ts"));
  return [...DOORS.filter(exists), ...lib].map((path) =>
    scan(path, read(path))
  );
}

/** Fails with the whole list rather than with the first finding. */
function none(findings: string[]): void {
  assert.deepEqual(findings, []);
}

function rule(name: string, check: (files: Source[]) => string[]): void {
  Deno.test({
    name,
    permissions: { read: true },
    fn: () => none(check(sources())),
  });
}

Deno.test({
  name: "scan() tells code from comments, strings and expressions",
  permissions: "none",
  fn: () => {
    const { code, strings, lines } = scan(
      "x.ts",
      [
        '/** import { a } from "./doc.ts"; 0x8000000c */',
        'import { a } from "./a.ts"; // import "./b.ts"',
        "import type {",
        "  B,",
        "} from './b.ts';",
        'export * from "./c.ts";',
        'import "./d.ts";',
        'const e = await import("./e.ts");',
        'type F = import("./f.ts").F;',
        'const text = \'import "./g.ts" // "\';',
        "const more = `from ${a(`x ${{ b: 7 }} y`)} // ${1 / 2 / 4}`;",
        'const match = /["/*]\\/[/"]/.test(text) ? 1 : 2; // Deno',
        'export { type h, i } from "./h.ts";',
        "",
      ].join("\n"),
    );
    assert.deepEqual(
      importsOf({ path: "x.ts", lines, code, strings }).sort(),
      ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./h.ts"],
    );
    assert.equal(lines, 13);
    assert.doesNotMatch(code, /Deno|0x8|doc/);
    assert.match(code, /b: 7/);
    assert.match(code, /1 \/ 2 \/ 4/);
    assert.match(code, /\/regexp\/\.test\(text\) \? 1 : 2;/);
    assert.equal(resolve("lib/net/x.ts", "../tag.ts"), "lib/tag.ts");
    assert.equal(resolve("mod.ts", "./lib/tag.ts"), "lib/tag.ts");
  },
});

Deno.test({
  name: "the house is where it is looked for",
  permissions: { read: true },
  fn: () => {
    const paths = sources().map(({ path }) => path);
    assert(paths.length > 20);
    for (const path of ["verify.ts", "lib/crypto.ts", "lib/responder.ts"]) {
      assert(paths.includes(path), path);
    }
    const [crypto] = sources().filter(({ path }) => path === "lib/crypto.ts");
    assert(importsOf(crypto as Source).includes("./merkle.ts"));
  },
});

/** Is there nothing in the file that could be run? */
function exportsOnlyTypes({ code }: Source): boolean {
  return !/\bexport\s+(?!type\b|interface\b)/.test(code);
}

Deno.test({
  name: "exportsOnlyTypes() tells types from what can be run",
  permissions: "none",
  fn: () => {
    const judged = (text: string) => exportsOnlyTypes(scan("x.ts", text));
    const types = [
      "export type A = 1;",
      "export interface B {}",
      'import type { A } from "./a.ts"; // export const\nexport type C = A;',
      'export type { D } from "./d.ts";',
    ];
    for (const text of types) assert.equal(judged(text), true, text);
    const values = [
      "export const a = 1;",
      "export function b() {}",
      "export type A = 1; export class C {}",
      "export async function d() {}",
      'export { e } from "./e.ts";',
      'export * from "./f.ts";',
      "export default 1;",
    ];
    for (const text of values) assert.equal(judged(text), false, text);
  },
});

rule(
  "every file belongs to one layer",
  (files) =>
    files.filter(({ path }) =>
      LAYERS.filter(([, pattern]) => pattern.test(path)).length !== 1
    ).map(({ path }) => path),
);

rule(
  "an import goes to the same layer or further down",
  (files) =>
    files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => /^\..*\.ts$/.test(specifier))
        .map((specifier) => resolve(file.path, specifier))
        .filter((target) =>
          layerOf(target) < 0 || layerOf(target) > layerOf(file.path)
        )
        .map((target) => `${file.path} imports ${target}`)
    ),
);

rule(
  "an import names a file that is there",
  (files) =>
    files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => resolve(file.path, specifier))
        .filter((target) => !exists(target))
        .map((target) => `${file.path} imports ${target}`)
    ),
);

rule(
  "what is imported dynamically is written out",
  (files) =>
    files.filter(({ code }) => /\bimport\s*\((?!\s*"\d+"\s*[,)])/.test(code))
      .map(({ path }) => path),
);

rule(
  "a bare import is mapped in deno.json, the only place with registries",
  (files) => {
    const { imports } = JSON.parse(read("deno.json")) as {
      imports: Record<string, string>;
    };
    return files.flatMap((file) =>
      [
        ...importsOf(file)
          .filter((specifier) => !/^(\.\.?\/|node:)/.test(specifier))
          .filter((specifier) => !Object.hasOwn(imports, specifier)),
        ...file.strings.filter((string) => /^(npm|jsr):/.test(string)),
      ].map((specifier) => `${file.path} imports ${specifier}`)
    );
  },
);

rule(
  "Ed25519 and SHA-2 come from one file",
  (files) =>
    files.filter(({ path }) => path !== "lib/crypto.ts")
      .filter(({ code, strings }) =>
        /\bsubtle\b/.test(code) ||
        strings.some((string) =>
          string.startsWith("@noble/") || /^(node:)?crypto$/.test(string)
        )
      ).map(({ path }) => path),
);

rule(
  "a version's number stands in one file",
  (files) =>
    files.filter(({ path }) =>
      path.startsWith("lib/") && path !== "lib/dialect.ts"
    ).flatMap(({ path, code }) =>
      [...code.matchAll(/\b(0[xX][\da-fA-F_]+|\d[\d_]*)n?\b/g)]
        .map(([number]) => number)
        .filter((number) => {
          const value = Number(number.replaceAll(/[_n]/g, ""));
          return value > 0x80000000 && value <= 0x800000ff;
        })
        .map((number) => `${path} has ${number}`)
    ),
);

rule(
  "one file talks to the console",
  (files) =>
    files.filter(({ path, code }) =>
      path !== "lib/cli/output.ts" && /\bconsole\b/.test(code)
    ).map(({ path }) => path),
);

rule(
  "what judges runs anywhere, without Deno or Node",
  (files) =>
    files.filter(({ path }) => layerOf(path) <= JUDGEMENT)
      .filter((file) =>
        /\bDeno\b/.test(file.code) ||
        importsOf(file).some((specifier) => specifier.startsWith("node:"))
      ).map(({ path }) => path),
);

rule(
  // The table of dialects is exempt: it has a line for each cell so that it can be read.
  "no source file but the version table is longer than 400 lines",
  (files) =>
    files.filter(({ path, lines }) => lines > 400 && path !== "lib/dialect.ts")
      .map(({ path, lines }) => `${path} has ${lines} lines`),
);

rule(
  "every file of the library with something to run has a test named after it",
  (files) =>
    files.filter((file) => !exportsOnlyTypes(file))
      .map(({ path }) => /^lib\/([^/]+)\.ts$/.exec(path)?.[1])
      .filter((name) => name !== undefined)
      .map((name) => `tests/${name}_test.ts`)
      .filter((test) => !exists(test)),
);

Deno.test({
  name: "files are named in snake_case",
  permissions: { read: true },
  fn: () => {
    const paths = [...list("lib/"), ...list("tests/"), ...DOORS];
    none(
      paths.filter((path) => path.endsWith(".ts"))
        .filter((path) => {
          const name = path.split("/").at(-1) as string;
          return !/^_?[a-z][a-z0-9]*(_[a-z0-9]+)*\.ts$/.test(name);
        }),
    );
  },
});
