import assert from "node:assert/strict";
import { readReply } from "../../lib/relay/reply_body.ts";

Deno.test("readReply() takes no more than a reply can have", {
  permissions: "none",
}, async () => {
  const body = (length: number) => new Response(new Uint8Array(length)).body;
  assert.equal((await readReply(body(1024), 1024))?.length, 1024);
  assert.equal(await readReply(body(1025), 1024), undefined);
  assert.equal((await readReply(null, 1024))?.length, 0);
});
