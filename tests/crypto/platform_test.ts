import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { nodeCrypto } from "../../lib/crypto/platform.ts";

Deno.test("the platform's cryptography is found without an import of it", {
  permissions: "none",
}, () => {
  assert.equal(nodeCrypto?.createHash, createHash);
});
