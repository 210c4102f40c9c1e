import assert from "node:assert/strict";
import { checkRequestOptions } from "../../lib/client/check_options.ts";

Deno.test("a request's options are taken as they may be", {
  permissions: "none",
}, () => {
  checkRequestOptions({ port: 2002 });
  checkRequestOptions({
    port: 65535,
    timeout: 0.5,
    retries: Infinity,
    transport: "tcp",
  });
});

Deno.test("a request needs a port", { permissions: "none" }, () => {
  assert.throws(() => checkRequestOptions({}), {
    name: "RangeError",
    message:
      "Cannot use port of undefined: a whole number from 1 to 65535 is needed",
  });
});
