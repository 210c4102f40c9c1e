import assert from "node:assert/strict";
import { plainText } from "../../lib/watch/plain_text.ts";

Deno.test("plainText() takes out what acts on a line, and shortens", {
  permissions: "none",
}, () => {
  assert.equal(
    plainText("a\u202eb\u0000c\nd\u2028e"),
    "a\ufffdb\ufffdc\ufffdd\ufffde",
  );
  assert.equal(plainText("<b>é 日本</b>"), "<b>é 日本</b>");
  assert.equal(plainText("x".repeat(61)), `${"x".repeat(59)}…`);
  assert.equal(plainText("😀".repeat(61)), `${"😀".repeat(59)}…`);
});
