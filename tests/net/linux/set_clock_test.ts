import assert from "node:assert/strict";
import { NetworkError } from "../../../lib/wire/errors.ts";
import { setSystemClock } from "../../../lib/net/linux/set_clock.ts";

/** The time that it is, so that nothing would change if the clock were set after all. */
function thisMoment(): bigint {
  return BigInt(Date.now()) * 1000n;
}

function isDenied(message: string): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof NetworkError);
    assert.equal(error.code, "denied");
    assert.equal(error.message, message);
    return true;
  };
}

const isLinux = Deno.build.os === "linux";

Deno.test({
  name: "setSystemClock() says which permission it lacks" +
    (isLinux ? "" : " (skipped: not Linux)"),
  ignore: !isLinux,
  permissions: { ffi: false },
  fn: () => {
    assert.throws(
      () => setSystemClock(thisMoment()),
      isDenied("Cannot set the clock: needs --allow-ffi"),
    );
  },
});

Deno.test({
  name: "setSystemClock() sets no clock but that of Linux" +
    (isLinux ? " (skipped: this is Linux)" : ""),
  ignore: isLinux,
  permissions: "none",
  fn: () => {
    assert.throws(
      () => setSystemClock(thisMoment()),
      isDenied("Cannot set the clock: only done on Linux"),
    );
  },
});
