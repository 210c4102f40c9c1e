/**
 * The program `roughly`.
 *
 * @module
 */

import { main } from "./lib/cli/main.ts";

// A name that is still being looked up must not keep a command from ending in time.
if (import.meta.main) Deno.exit(await main(Deno.args));
