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
// A name that is still being looked up must not keep a command from ending in time.
if (import.meta.main ?? true) process.exit(await main(process.argv.slice(2)));
