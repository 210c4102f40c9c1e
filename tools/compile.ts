/**
 * Builds the standalone program `dist/roughly`; with `--all`, one for each system that Deno
 * compiles for, and `dist/SHA256SUMS`.
 *
 *   deno task compile
 *   deno task compile:all
 *
 * @module
 */

// deno-lint-ignore-file no-console
import config from "../deno.json" with { type: "json" };

/** Names of systems as people know them. */
const TARGETS: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
  "macos-x64": "x86_64-apple-darwin",
  "macos-arm64": "aarch64-apple-darwin",
  "windows-x64.exe": "x86_64-pc-windows-msvc",
};

const OPTIONS = [
  "--no-check",
  "--v8-flags=--max-semi-space-size=1,--max-old-space-size=256",
  ...["ffi", "net", "read", "write", "env", "sys"].map((name) =>
    `--allow-${name}`
  ),
];

/** What only tests import. */
const TEST_ONLY = ["fast-check"];

/** Keeps what only tests need out of the program. */
async function lean(): Promise<string[]> {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  if (major > 2 || minor >= 9) return ["--exclude-unused-npm"];
  // Older ones embed whatever the configuration names.
  const imports = Object.entries(config.imports)
    .filter(([name]) => !TEST_ONLY.includes(name));
  const { nodeModulesDir, unstable } = config;
  await Deno.writeTextFile(
    "dist/compile.json",
    JSON.stringify({
      imports: Object.fromEntries(imports),
      nodeModulesDir,
      unstable,
    }),
  );
  return ["--config", "dist/compile.json"];
}

/** Deno fetches the runtime that a program begins with, and not every network lets it. */
function giveUp(output: string): never {
  console.error(
    `Cannot build ${output}: Deno says above why. Where it cannot fetch its runtime from
dl.deno.land, let a script stand for the program, with paths of your own:

#!/bin/sh
exec /usr/local/bin/deno run --unstable-net --allow-all /opt/roughly/cli.ts "$@"
`,
  );
  Deno.exit(1);
}

async function compile(output: string, target?: string): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", ...OPTIONS, ...await lean()],
      ...(target === undefined ? [] : ["--target", target]),
      ...["--output", output, "cli.ts"],
    ],
  }).spawn().status;
  if (code !== 0) giveUp(output);
}

async function checksum(path: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    await Deno.readFile(path),
  );
  return Array.from(
    new Uint8Array(digest),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

await Deno.mkdir("dist", { recursive: true });
if (Deno.args.includes("--all")) {
  const lines: string[] = [];
  for (const [system, target] of Object.entries(TARGETS)) {
    const file = `roughly-${config.version}-${system}`;
    await compile(`dist/${file}`, target);
    lines.push(`${await checksum(`dist/${file}`)}  ${file}\n`);
  }
  await Deno.writeTextFile("dist/SHA256SUMS", lines.join(""));
} else await compile("dist/roughly");
