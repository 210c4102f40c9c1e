import assert from "node:assert/strict";
import { hasDenoUdp, openDenoUdp } from "../../../lib/net/deno_udp.ts";
import { hasLinuxUdp } from "../../../lib/net/linux/udp.ts";
import { watchRefusals } from "../../../lib/net/linux/refusal.ts";
import { sendRequest } from "../../../lib/client/send_request.ts";
import { NetworkError } from "../../../lib/wire/errors.ts";
import { STRANGER } from "../../_support/cli.ts";

/** Wildcards want more permission than tests have; where they have it, they are tried. */
async function mayBind(host: string): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "net", host });
  return state === "granted";
}

const ignore = !hasLinuxUdp() || !hasDenoUdp();

/** A port that nobody has, or at least nobody had a moment ago. */
function closedPort(hostname: string): number {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return port;
}

for (
  const [bound, hostname, written] of [
    ["127.0.0.1", "127.0.0.1", "127.0.0.1"],
    ["0.0.0.0", "127.0.0.1", "127.0.0.1"],
    ["::1", "::1", "[::1]"],
    ["::", "::1", "[::1]"],
  ] as const
) {
  Deno.test({
    name: `a socket on ${bound} learns that nobody listens, and goes on`,
    ignore: ignore ||
      !await mayBind(bound.includes(":") ? `[${bound}]` : bound),
    fn: async () => {
      const told = Promise.withResolvers<string | undefined>();
      const socket = openDenoUdp({
        hostname: bound,
        port: 0,
        maxBatch: 2,
        onRefused: told.resolve,
      });
      const port = closedPort(hostname);
      const payload = Uint8Array.of(1, 2, 3);
      const receiving = socket.receive();
      const gone = socket.peer(hostname, port);
      await socket.send([{ bytes: payload, peer: gone }]);
      assert.equal(await told.promise, `${written}:${port}`);
      const other = openDenoUdp({ hostname, port: 0, maxBatch: 2 });
      const back = other.peer(hostname, socket.address.port);
      assert.equal(await other.send([{ bytes: payload, peer: back }]), 1);
      const [datagram] = await receiving;
      assert.deepEqual(datagram?.bytes, payload);
      other.close();
      socket.close();
    },
  });
}

Deno.test({
  name: "sendRequest() does not wait for a port that is closed",
  ignore,
  fn: async () => {
    for (const transport of ["udp", "auto"] as const) {
      const port = closedPort("127.0.0.1");
      await assert.rejects(
        // With the old patience this would be an hour, and no answer in it.
        sendRequest({
          host: "127.0.0.1",
          port,
          publicKey: STRANGER,
          timeout: 3_600_000,
          transport,
        }),
        (error) => {
          assert(error instanceof NetworkError);
          assert.equal(error.reason, "refused");
          assert.equal(
            error.message,
            `Cannot reach 127.0.0.1:${port}: connection refused`,
          );
          return true;
        },
      );
    }
  },
});

Deno.test("a socket that is not there is not watched", () => {
  assert.equal(watchRefusals("127.0.0.1", 1), undefined);
});
