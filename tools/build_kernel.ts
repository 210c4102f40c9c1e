/**
 * Builds the WebAssembly kernel and writes it twice: as a file, and as base64 in a module
 * that every runtime and bundler can load. With `--check` it writes nothing and fails if what
 * is there is not what the sources give.
 *
 * @module
 */

// deno-lint-ignore-file no-console
import { base64 } from "@scure/base";
// Not in deno.json: what is named there ends up in the standalone binary, and this is large.
// deno-lint-ignore no-import-prefix
import asc from "npm:assemblyscript@0.28.20/asc";
import * as layout from "../lib/server/fast/kernel/layout.ts";

const ROOT = new URL("../", import.meta.url);
const ASSEMBLY = "lib/server/fast/kernel/assembly/";
const BINARY = new URL("lib/server/fast/kernel/kernel.wasm", ROOT);
const EMBEDDED = new URL("lib/server/fast/kernel/wasm.ts", ROOT);

/** What the assembly knows of the layout. */
const CONSTANTS = [
  "MAX_LEAVES",
  "OWN_BYTES",
  "ROOT_OFFSET",
  "TREE_OFFSET",
] as const;

async function build(): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stdout, stderr } = await asc.main([
    `${ASSEMBLY}index.ts`,
    ...["-O3", "--converge", "--runtime", "stub", "--enable", "simd"],
    ...["--initialMemory", `${layout.MEMORY_PAGES}`],
    ...["--maximumMemory", `${layout.MEMORY_PAGES}`],
    ...CONSTANTS.flatMap((name) => ["--use", `${name}=${layout[name]}`]),
    ...["--outFile", "kernel.wasm"],
  ], {
    readFile: (name) => {
      try {
        return Deno.readTextFileSync(new URL(name, ROOT));
      } catch {
        return null; // it tries several names for each import
      }
    },
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") binary = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || binary === undefined) {
    throw new Error(`Cannot build kernel: ${stderr}${stdout}`, {
      cause: error,
    });
  }
  return binary;
}

function embed(binary: Uint8Array): string {
  return [
    "// Made by `deno task kernel` from lib/server/fast/kernel/assembly/.",
    "",
    "/** The kernel's module. */",
    "export const KERNEL_WASM =",
    `  "${base64.encode(binary)}";`,
    "",
  ].join("\n");
}

const binary = await build();
const embedded = embed(binary);
if (Deno.args.includes("--check")) {
  const isSame = base64.encode(await Deno.readFile(BINARY)) ===
      base64.encode(binary) && await Deno.readTextFile(EMBEDDED) === embedded;
  if (!isSame) {
    console.error("The kernel is not what its sources give: deno task kernel");
    Deno.exit(1);
  }
} else {
  await Deno.writeFile(BINARY, binary);
  await Deno.writeTextFile(EMBEDDED, embedded);
}
