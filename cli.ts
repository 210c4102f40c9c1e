/**
 * The program `roughly`.
 *
 * ```sh
 * deno run --unstable-net --allow-all jsr:@roughly/roughly/cli query HOST PORT PUBLIC_KEY
 * ```
 *
 * @module
 */

import process from "node:process";
import { main } from "./lib/cli/main.ts";

if (import.meta.main) {
  // Deno 2.4 warns of a module of its own when a name is looked up. Icinga shows what comes
  // first, on stderr too, in place of the answer of `--nagios`.
  Object.assign(process, { noDeprecation: true });
  // A name that is still being looked up must not keep a command from ending in time.
  process.exit(await main(process.argv.slice(2)));
}
