import assert from "node:assert/strict";
import { checkRelayOptions } from "../../lib/relay/check_options.ts";

Deno.test(
  "a relay's numbers have their ranges",
  { permissions: "none" },
  () => {
    checkRelayOptions({
      timeout: 1,
      perMinute: 1,
      perMinuteInAll: 1,
      maxPending: 1,
    });
    checkRelayOptions({});
    for (
      const name of ["timeout", "perMinute", "perMinuteInAll", "maxPending"]
    ) {
      assert.throws(() => checkRelayOptions({ [name]: 0 }), new RegExp(name));
    }
  },
);
