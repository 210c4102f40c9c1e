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

// A name that is still being looked up must not keep a command from ending in time.
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
