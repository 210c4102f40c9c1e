import assert from "node:assert/strict";
import { isLoopback } from "../../lib/net/scope.ts";
import { isOwnHost } from "../../lib/watch/host_check.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "isOwnHost() takes loopback's names and those that were allowed",
  none,
  () => {
    const own = [
      ...["localhost", "localhost:8319", "LOCALHOST.:1", "127.0.0.1:8319"],
      ...["127.3.2.1", "[::1]", "[::1]:8319", "watch.example:443"],
    ];
    const foreign = [
      ...["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"],
      ...["", "[::1", "::1", "10.0.0.1", "127.0.0.1:x", "a b", "@localhost"],
      ...["localhost:8319:1", "127.0.0.1/", "0x7f.1", "2130706433"],
    ];
    for (const host of own) assert(isOwnHost(host, ["watch.example"]), host);
    for (const host of foreign) {
      assert(!isOwnHost(host, ["watch.example"]), host);
    }
    assert(!isOwnHost(undefined, []));
  },
);

Deno.test("isLoopback() is about addresses", none, () => {
  assert(isLoopback("127.0.0.1") && isLoopback("::1"));
  assert(isLoopback("::ffff:127.0.0.1"));
  assert(
    !isLoopback("0.0.0.0") && !isLoopback("::") && !isLoopback("localhost"),
  );
});
