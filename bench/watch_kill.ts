// deno-lint-ignore-file no-console
/**
 * Kills a process that writes a history, again and again at random moments, and looks at what
 * is left each time: `deno run --allow-all bench/watch_kill.ts [TIMES]`.
 */

import { assertWhole, killAfter } from "../tests/_support/killed_writer.ts";

const times = Number(Deno.args[0] ?? 100);
const folder = await Deno.makeTempDir();
let last = 0;
try {
  for (let n = 1; n <= times; n++) {
    const rounds = 1 + Math.floor(Math.random() * 20);
    last = await killAfter(`${folder}/watch.db`, rounds, Math.random() * 20);
    await assertWhole(`${folder}/watch.db`, last);
  }
  console.log(`killed ${times} times, ${last} rounds, none lost`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
