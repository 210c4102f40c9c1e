import assert from "node:assert/strict";
import { base64, hex } from "@scure/base";
import { srvOf } from "../../lib/wire/srv.ts";

Deno.test({
  name: "srvOf() hits the values of three public servers (§5.1.4)",
  permissions: "none",
  fn: () => {
    for (
      const [key, srv] of [
        [
          "AW5uAoTSTDfG5NfY1bTh08GUnOqlRb+HVhbJ3ODJvsE=",
          "95645ff5c385c24eba48d509528a4a74e0861c0b57f46c25ee5c6a488a23246f",
        ],
        [
          "S3AzfZJ5CjSdkJ21ZJGbxqdYP/SoE8fXKY0+aicsehI=",
          "8c4bbf598f43ff13da82bfeb9e0652a4e372ab03c2cae3b6f661ea29c8ebacc2",
        ],
        [
          "0GD7c3yP8xEc4Zl2zeuN2SlLvDVVocjsPSL8/Rl/7zg=",
          "0d93616f19641cbf68f8b41a1b659797fc9330b658a5042d6be1021194ee290c",
        ],
      ] as const
    ) {
      assert.equal(hex.encode(srvOf(base64.decode(key))), srv);
    }
  },
});
