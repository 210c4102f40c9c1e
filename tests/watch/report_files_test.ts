import assert from "node:assert/strict";
import { ReportFiles } from "../../lib/watch/report_files.ts";
import { folder } from "../_support/cli.ts";
import { DAY_MS, NOW_MS } from "../_support/watch.ts";

const proof = (text: string, ...marks: string[]) => ({
  first: 0,
  last: 1,
  pairs: [],
  marks,
  text,
});

Deno.test("each report has a file of its own, and the same pair one a day", async () => {
  await using dir = await folder();
  const files = new ReportFiles(dir.in("reports"));
  const first = await files.write(proof("one", "a b"), NOW_MS);
  const second = await files.write(proof("two", "a b", "a c"), NOW_MS);
  assert.match(first.file ?? "", /malfeasance-\d{4}-\d\d-\d\dT\d{6}Z\.json$/);
  assert.match(second.file ?? "", /Z-2\.json$/);
  assert.equal(await Deno.readTextFile(first.file ?? ""), "one");
  assert.equal(await Deno.readTextFile(second.file ?? ""), "two");
  const again = await files.write(proof("three", "a c", "a b"), NOW_MS + 1000);
  assert.deepEqual(again, { file: undefined, problem: undefined });
  const later = await files.write(proof("four", "a b"), NOW_MS + DAY_MS);
  assert(later.file !== undefined);
});

Deno.test("a report that cannot be written is said, and tried again", async () => {
  await using dir = await folder();
  const path = dir.in("reports");
  await Deno.writeTextFile(path, "in the way");
  const files = new ReportFiles(path);
  const failed = await files.write(proof("one", "a b"), NOW_MS);
  assert.equal(failed.file, undefined);
  assert(failed.problem);
  await Deno.remove(path);
  assert((await files.write(proof("one", "a b"), NOW_MS)).file !== undefined);
});
