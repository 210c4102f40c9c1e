import assert from "node:assert/strict";
import { unreachable } from "../../lib/net/unreachable.ts";

const none = { permissions: "none" } as const;

Deno.test("unreachable() says what the system said, in words", none, () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED"), {
    code: "ECONNREFUSED",
  });
  const error = unreachable("::1", 2002, [refused, "later"]);
  assert.equal(error.message, "Cannot reach [::1]:2002: connection refused");
  assert.equal(error.code, "unreachable");
  assert.equal(error.cause, refused);
  assert.match(unreachable("a", 1, ["odd"]).message, /: odd$/);
});

Deno.test("unreachable() lets a missing permission speak first", none, () => {
  const denied = new Deno.errors.NotCapable("Requires net access");
  const error = unreachable("a.example", 2002, [new Error("else"), denied]);
  assert.equal(error.code, "denied");
  assert.equal(error.cause, denied);
});
