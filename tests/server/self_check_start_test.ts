import assert from "node:assert/strict";
import net from "node:net";
import { fileURLToPath } from "node:url";
import type {
  DatagramOptions,
  DatagramSocket,
} from "../../lib/net/datagram.ts";
import { sendRequest } from "../../lib/client/send_request.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import { selfRequest } from "../../lib/server/self_check_start.ts";
import { serve } from "../../lib/server/serve.ts";
import { GOOGLE_VERSION, SERVER_VERSIONS } from "../../lib/wire/dialect.ts";
import { run } from "../_support/cli.ts";
import { LOOPBACK, makeServer } from "../_support/pool.ts";
import { Lines, programWords } from "../_support/cli.ts";

Deno.test("whatever a server speaks, it is asked what it answers", async () => {
  const lists = [
    ...SERVER_VERSIONS.map((version) => [version]),
    [GOOGLE_VERSION],
    SERVER_VERSIONS,
  ];
  for (const versions of lists) {
    const server = await makeServer({ versions });
    assert.deepEqual(server.versions, versions);
    const [outcome] = await server.handleBatch([selfRequest(versions)]);
    if (!(outcome && "reply" in outcome)) {
      assert.fail(Deno.inspect({ versions, outcome }));
    }
  }
});

/** Waits for events of some kinds. */
class Events {
  readonly all: ServerEvent[] = [];
  #wake: () => void = () => {};
  readonly sink = (event: ServerEvent): void => {
    this.all.push(event);
    this.#wake();
  };
  async find(kind: ServerEvent["kind"]): Promise<ServerEvent> {
    for (;;) {
      const found = this.all.find((event) => event.kind === kind);
      if (found) return found;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/**
 * Deaf are all that are opened while the server starts: it opens another pair where the port
 * of its first datagram socket is taken for TCP.
 */
function deafAtFirst(hasStarted: () => boolean) {
  return async (options: DatagramOptions): Promise<DatagramSocket> => {
    const socket = await openUdp(options);
    if (hasStarted()) return socket;
    const { promise, resolve } = Promise.withResolvers<[]>();
    return {
      transport: "udp",
      address: socket.address,
      peer: (hostname, port) => socket.peer(hostname, port),
      send: (batch) => socket.send(batch),
      receive: () => promise,
      stop: () => resolve([]),
      close: () => {
        resolve([]);
        socket.close();
      },
    };
  };
}

Deno.test("a socket that hears nothing is told of, and replaced", async () => {
  const events = new Events();
  const server = await makeServer();
  let started = false;
  await using running = await serve(server, {
    ...LOOPBACK,
    open: deafAtFirst(() => started),
    selfCheckSeconds: 1,
    onEvent: events.sink,
  });
  started = true;
  const { port } = running.address;
  assert.deepEqual(await events.find("listener-down"), {
    kind: "listener-down",
    transport: "udp",
    address: `127.0.0.1:${port}`,
  });
  await events.find("listener-up");
  // With retries: what was under way when the socket was replaced is lost.
  await sendRequest({
    host: "127.0.0.1",
    port,
    publicKey: server.publicKeys[0] as Uint8Array,
    timeout: 30_000,
  });
  assert.equal(running.address.port, port);
  assert.deepEqual(
    running.listeners.map(({ transport, up }) => `${transport} ${up}`),
    ["udp true", "tcp true"],
  );
  assert(running.selfChecks > 0);
});

Deno.test("a server that ends while it is asking itself ends at once", async () => {
  const asked = Promise.withResolvers<void>();
  const running = await serve(await makeServer(), {
    ...LOOPBACK,
    tcp: false,
    selfCheckSeconds: 1,
    open: async (options) => {
      const socket = await openUdp(options);
      const receive = socket.receive.bind(socket);
      return Object.assign(socket, {
        receive: async () => {
          const batch = await receive();
          if (batch.length === 0) return batch;
          asked.resolve();
          return await receive(); // it never answers
        },
      });
    },
  });
  await asked.promise;
  await running.shutdown();
});

Deno.test("a server that chooses whom to answer is not asked unless that is wanted", async () => {
  class Picky extends Server {
    override acceptRequest(): boolean {
      return false;
    }
  }
  const server = await Picky.create({ trustClock: true });
  const denied = Promise.withResolvers<void>();
  server.acceptRequest = () => {
    denied.resolve();
    return false;
  };
  for (const selfCheckSeconds of [undefined, 1]) {
    await using running = await serve(server, {
      ...LOOPBACK,
      selfCheckSeconds,
    });
    if (selfCheckSeconds !== undefined) await denied.promise;
    assert.equal(running.selfChecks > 0, selfCheckSeconds !== undefined);
  }
});

const SKIP = Deno.build.os === "linux" ? undefined : "not Linux";

Deno.test({
  name: `a TCP listener that ran out of descriptors comes back${
    SKIP ? ` (skipped: ${SKIP})` : ""
  }`,
  ignore: SKIP !== undefined,
  fn: async () => {
    const program = new URL("../_support/crowded_server.ts", import.meta.url);
    // Nobody tells this one its limit, so it takes more than there are.
    const words = programWords(fileURLToPath(program), [
      "--allow-net=127.0.0.1",
    ]);
    const child = new Deno.Command("sh", {
      args: [
        "-c",
        'ulimit -n 128 && exec "$0" "$@"',
        Deno.execPath(),
        ...words,
      ],
      stdout: "piped",
    }).spawn();
    const out = new Lines(child.stdout);
    try {
      const { port, key } = JSON.parse(await out.find('"bound"'));
      const sockets = Array.from(
        { length: 300 },
        () => net.connect({ host: "127.0.0.1", port }).on("error", () => {}),
      );
      assert.match(await out.find('"listener-down"'), /"transport":"tcp"/);
      sockets.forEach((socket) => socket.destroy());
      await out.find('"listener-up"');
      const { code, err } = await run(
        ...["query", `127.0.0.1:${port}`, key, "--transport=tcp"],
      );
      assert.equal(code, 0, err.join("\n"));
    } finally {
      child.kill("SIGTERM");
      await Promise.all([out.finished, child.status]);
    }
  },
});
