import assert from "node:assert/strict";
import { openFilesLimit, parseLimits } from "../../lib/net/open_files.ts";

const TABLE =
  `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 524288               files
Max locked memory         8388608              8388608              bytes
`;

Deno.test("parseLimits() reads the limit that is in force", {
  permissions: "none",
}, () => {
  assert.equal(parseLimits(TABLE), 1024);
  assert.equal(
    parseLimits(TABLE.replace("1024  ", "unlimited  ")),
    Infinity,
  );
  for (const text of ["", "Max open files", "Max open files  x  y files"]) {
    assert.equal(parseLimits(text), undefined);
  }
});

Deno.test("openFilesLimit() neither asks nor fails without permission", {
  permissions: "none",
}, () => {
  const limit = openFilesLimit();
  assert.equal(limit, Deno.build.os === "windows" ? Infinity : undefined);
});
