import { folder } from "../_support/cli.ts";
import { assertWhole, killAfter } from "../_support/killed_writer.ts";

Deno.test("kill -9: the history opens each time and has every finished round", async () => {
  await using dir = await folder();
  const path = dir.in("watch.db");
  let last = 0;
  for (const rounds of [1, 7, 23]) {
    last = await killAfter(path, rounds);
    await assertWhole(path, last);
  }
});
