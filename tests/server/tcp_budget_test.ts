import assert from "node:assert/strict";
import net from "node:net";
import fc from "fast-check";
import { planTcp } from "../../lib/server/tcp_budget.ts";
import { run, startServer } from "../_support/cli.ts";

Deno.test("connections and what the kernel holds ready fit the descriptors", {
  permissions: "none",
}, () => {
  const demand = fc.record({
    files: fc.integer({ min: 192, max: 1 << 20 }),
    ports: fc.integer({ min: 1, max: 8 }),
    threads: fc.integer({ min: 0, max: 8 }),
    wanted: fc.integer({ min: 1, max: 1 << 17 }),
  });
  fc.assert(fc.property(demand, (demand) => {
    const { connections, backlog } = planTcp(demand);
    assert(connections >= 1 && connections <= demand.wanted);
    assert(backlog >= 1 && backlog <= 1024);
    const { ports, threads, files } = demand;
    const taken = ports * (connections + backlog + 1) + 10 * threads;
    // Where next to nothing is free, each port has one connection and one in waiting.
    assert(taken <= Math.max(files - 64, 10 * threads + 3 * ports));
  }));
});

Deno.test("what is wanted is given where there is room for it", {
  permissions: "none",
}, () => {
  const plan = (files: number | undefined, wanted = 4096, ports = 1) =>
    planTcp({ files, ports, threads: 2, wanted });
  assert.deepEqual(plan(1 << 20), { connections: 4096, backlog: 1024 });
  assert.deepEqual(plan(Infinity), { connections: 4096, backlog: 1024 });
  assert.deepEqual(plan(1024), { connections: 822, backlog: 117 });
  assert.deepEqual(plan(1024, 64), { connections: 64, backlog: 875 });
  assert.deepEqual(plan(undefined), { connections: 256, backlog: 128 });
  assert.deepEqual(plan(undefined, 10), { connections: 10, backlog: 128 });
  assert.deepEqual(plan(undefined, 4096, 2), { connections: 128, backlog: 64 });
  assert.deepEqual(plan(10), { connections: 1, backlog: 1 });
});

/** Connects that often; gives what closes them. */
async function crowd(port: number, count: number): Promise<() => void> {
  const sockets = Array.from({ length: count }, () => {
    const socket = net.connect({ host: "127.0.0.1", port });
    return socket.on("error", () => {});
  });
  // Whom it closes at once, it has seen; the others have connected.
  await Promise.all(sockets.map((socket) =>
    new Promise((settle) => {
      socket.once("connect", settle);
      socket.once("close", settle);
    })
  ));
  return () => sockets.forEach((socket) => socket.destroy());
}

const SKIP = Deno.build.os === "linux" ? undefined : "not Linux";

for (const ffi of [true, false]) {
  Deno.test({
    name: `a server that is crowded beyond its descriptors answers again, ${
      ffi ? "with" : "without"
    } FFI${SKIP ? ` (skipped: ${SKIP})` : ""}`,
    ignore: SKIP !== undefined,
    fn: async () => {
      // Without FFI nobody knows the limit, so it is one that systems come with.
      const files = ffi ? 160 : 1024;
      const permissions = ["net", "env", "read", "write", "sys"]
        .concat(ffi ? ["ffi"] : []).map((name) => `--allow-${name}`);
      await using server = await startServer([
        "--no-grease",
        "--workers=1",
        "--max-connections-per-address=4096",
      ], { permissions, files });
      const port = Number(server.at.split(":").at(-1));
      const leave = await crowd(port, files);
      leave();
      const ask = () => run("query", server.at, server.key, "--transport=tcp");
      let ended = await ask();
      // Until it has gone through those who left, it may close who comes.
      const isClosed = () => ended.code === 3 && /closed$/.test(`${ended.err}`);
      for (let n = 0; isClosed() && n < 50; n++) ended = await ask();
      assert.equal(ended.code, 0, ended.err.join("\n"));
    },
  });
}
