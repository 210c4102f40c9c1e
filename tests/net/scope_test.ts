import assert from "node:assert/strict";
import { isOwnAddress } from "../../lib/net/scope.ts";

Deno.test(
  "isOwnAddress() tells what stays at home",
  { permissions: "none" },
  () => {
    const own = [
      ..."127.0.0.1 127.255.0.9 10.1.2.3 172.16.0.1 172.31.255.255".split(" "),
      ..."192.168.7.7 169.254.1.1 ::1 fc00::1 fdff::9 fe80::1 fe80::1%eth0"
        .split(" "),
    ];
    const others = [
      ..."0.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 172.15.0.1 172.32.0.1".split(
        " ",
      ),
      ..."192.167.0.1 192.169.0.1 100.64.0.1 128.0.0.1 ::2 2001:db8::1".split(
        " ",
      ),
      ..."fbff::1 fe00::1 fec0::1 :: ff02::1 localhost example.org".split(" "),
      "",
      "::ffff:8.8.8.8",
    ];
    for (const address of own) {
      assert.equal(
        isOwnAddress(address),
        true,
        address,
      );
    }
    for (const address of others) {
      assert.equal(isOwnAddress(address), false, address);
    }
  },
);
