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

// Node before 22.18 does not say whether this is the main module; what else would it be?
if (import.meta.main ?? true) {
  // Deno 2.4 warns of a module of its own when a name is looked up. Icinga shows what comes
  // first, on stderr too, in place of the answer of `--nagios`.
  Object.assign(process, { noDeprecation: true });
  // A name that is still being looked up must not keep a command from ending in time.
  process.exit(await main(process.argv.slice(2)));
}
