import assert from "node:assert/strict";
import { linuxUdpProblem } from "../../../lib/net/linux/udp.ts";
import { json, run } from "../../_support/cli.ts";

const MISSING = linuxUdpProblem();

Deno.test({
  name: "bench of a closed port says so, and not that the server kept silent" +
    (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
  ignore: MISSING !== undefined,
  fn: async () => {
    const words = ["bench", "127.0.0.1:1", "--duration=0.05", "--warmup=0"];
    const { code, err } = await run(...words, "--timeout=0.5");
    assert.equal(code, 3);
    assert.deepEqual(err, [
      "roughly: error: cannot reach 127.0.0.1:1: connection refused",
    ]);
    const line = json((await run(...words, "--timeout=0.5", "--json")).out[0]);
    assert.equal(line.ok, false);
    assert.equal(line.error.code, "unreachable");
  },
});
