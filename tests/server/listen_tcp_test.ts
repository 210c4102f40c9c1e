import assert from "node:assert/strict";
import { TCP_LIMITS } from "../../lib/net/tcp_server.ts";
import {
  openTcp,
  openTcpSide,
  planLimits,
} from "../../lib/server/listen_tcp.ts";
import { closeNow } from "../../lib/server/listener.ts";
import { LOOPBACK, makeServer } from "../_support/pool.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "where nobody knows how many files may be open, few connections are taken",
  {
    ...none,
    ignore: Deno.build.os === "windows",
  },
  async () => {
    const plan = await planLimits({}, [LOOPBACK], 0);
    const { maxConnections, backlog, cut, ...limits } = plan;
    assert.deepEqual([maxConnections, backlog], [256, 128]);
    assert.deepEqual(cut, {
      kind: "connections-cut",
      wanted: TCP_LIMITS.maxConnections,
      given: 256,
      files: undefined,
    });
    const { maxConnections: _, ...rest } = TCP_LIMITS;
    assert.deepEqual(limits, rest);
  },
);

Deno.test(
  "nothing is told where what is wanted is given, or there is no TCP",
  none,
  async () => {
    const tcpLimits = { maxConnections: 10, idleMs: 7 };
    const plan = await planLimits({ tcpLimits }, [LOOPBACK], 0);
    assert.deepEqual([plan.maxConnections, plan.idleMs, plan.cut], [
      10,
      7,
      undefined,
    ]);
    assert.equal(
      (await planLimits({ tcp: false }, [LOOPBACK], 0)).cut,
      undefined,
    );
  },
);

Deno.test("addresses share what there is", none, async () => {
  const two = [LOOPBACK, { hostname: "::1", port: 0 }];
  const { maxConnections, backlog } = await planLimits({}, two, 0);
  assert(maxConnections <= 128 || Deno.build.os === "windows");
  assert(backlog <= 64 || Deno.build.os === "windows");
});

Deno.test("one address is one socket, and its connections are counted", async () => {
  const server = await makeServer();
  const limits = await planLimits({}, [LOOPBACK], 0);
  const { hostname } = LOOPBACK;
  const [socket, ...more] = await openTcpSide(hostname, 0, limits, server);
  assert(socket && more.length === 0);
  const { port } = socket.address;
  await assert.rejects(openTcp(hostname, port, limits, server), {
    code: "EADDRINUSE",
  });
  const connection = await Deno.connect({ hostname, port });
  connection.close();
  await closeNow(socket);
  assert(server.counters.tcpAccepted <= 1);
  assert.equal(server.counters.tcpAccepted, server.counters.tcpCompleted);
});
