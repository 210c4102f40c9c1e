import assert from "node:assert/strict";
import { Strangers, timedOut } from "../../lib/client/strangers.ts";

Deno.test("Strangers names the first three, once each", {
  permissions: "none",
}, () => {
  const strangers = new Strangers();
  assert.equal(String(strangers), "");
  strangers.add("192.0.2.1:2002");
  strangers.add("192.0.2.1:2002");
  assert.equal(
    String(strangers),
    "; packets came from 192.0.2.1:2002, which was not asked",
  );
  for (let n = 2; n < 100; n++) strangers.add(`192.0.2.${n}:2002`);
  assert.equal(
    String(strangers),
    "; packets came from 192.0.2.1:2002, 192.0.2.2:2002, 192.0.2.3:2002, which was not asked",
  );
});

Deno.test("timedOut() says that somebody else sent something", {
  permissions: "none",
}, () => {
  const strangers = new Strangers();
  const asked = { host: "time.example", port: 2002 };
  const { name, message } = timedOut(asked, strangers);
  assert.equal(name, "TimeoutError");
  assert.equal(message, "No answer from time.example port 2002 within 5 s");
  strangers.add("[2001:db8::2]:2002");
  assert.equal(
    timedOut({ ...asked, timeout: 300 }, strangers).message,
    "No answer from time.example port 2002 within 0.3 s; packets came from [2001:db8::2]:2002, which was not asked",
  );
});
