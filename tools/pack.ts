/**
 * Builds the npm package `dist/roughly-roughly-VERSION.tgz`: what `deno pack` makes of the
 * sources, and the program for `npx`.
 *
 *   deno task pack [FOLDER]
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

const [out = "dist"] = Deno.args;
const { name, version } = config;

const IGNORED = ["deno.web.json", "examples/"];

/** Names a thread by its address, which `deno pack` leaves as it is in the sources. */
const POOL = "lib/server/workers/pool.js";

/** A probe asks in many versions at once, and all wait for one signal: that is no leak. */
const BIN = `#!/usr/bin/env node
import { setMaxListeners } from "node:events";
import process from "node:process";
import { main } from "../lib/cli/main.js";

setMaxListeners(0);
process.exit(await main(process.argv.slice(2)));
`;

async function run(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, {
    args,
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).output();
  if (code === 0) return;
  throw new Error(
    `${command} ${args[0]} failed: ${new TextDecoder().decode(stderr)}`,
  );
}

const folder = await Deno.makeTempDir({ prefix: "roughly-pack-" });
try {
  const plain = `${folder}/plain.tgz`;
  await run(Deno.execPath(), ...[
    ...["pack", "--quiet", "--allow-dirty", "--no-source-maps"],
    ...["--output", plain, `--ignore=${IGNORED.join(",")}`],
  ]);
  await run("tar", "-xzf", plain, "-C", folder);
  const root = `${folder}/package`;
  const manifest = JSON.parse(
    await Deno.readTextFile(`${root}/package.json`),
  ) as Record<string, unknown>;
  const { name: _name, version: _version, ...others } = manifest;
  const complete = {
    name,
    version,
    description:
      "Roughtime: rough time that is signed. Client, server and command line.",
    keywords: ["roughtime", "time", "clock", "ntp", "rfc10049"],
    ...others,
    bin: { roughly: "bin/roughly.js" },
    man: "man/roughly.1",
    engines: { node: ">=22" },
  };
  await Deno.writeTextFile(
    `${root}/package.json`,
    `${JSON.stringify(complete, undefined, 2)}\n`,
  );
  // The program says its version from there.
  await Deno.writeTextFile(
    `${root}/deno.json`,
    `${JSON.stringify({ name, version })}\n`,
  );
  const pool = await Deno.readTextFile(`${root}/${POOL}`);
  await Deno.writeTextFile(
    `${root}/${POOL}`,
    pool.replace('URL("./thread.ts"', 'URL("./thread.js"'),
  );
  await Deno.mkdir(`${root}/bin`);
  await Deno.writeTextFile(`${root}/bin/roughly.js`, BIN, { mode: 0o755 });
  await Deno.mkdir(`${root}/man`);
  await Deno.copyFile("man/roughly.1", `${root}/man/roughly.1`);
  await Deno.mkdir(out, { recursive: true });
  await run("npm", "pack", "--silent", "--pack-destination", out, root);
} finally {
  await Deno.remove(folder, { recursive: true });
}
const file = `${out}/${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
const { size } = await Deno.stat(file);
// deno-lint-ignore no-console -- a program that reports what it wrote
console.log(`${file}: ${size} bytes`);
