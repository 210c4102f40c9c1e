/** `server run` with the system's own sockets and with threads. */

import assert from "node:assert/strict";
import { formatKey } from "../../../lib/wire/key_text.ts";
import {
  assertFailure,
  assertLog,
  execute,
  fails,
  folder,
  json,
  run,
  type RunningProcess,
  startServer,
  writeDelegation,
} from "../../_support/cli.ts";
import { listenAbstract } from "../../_support/abstract_socket.ts";
import { bytes, LONG_TERM } from "../../_support/fixtures.ts";
import { linux } from "../../_support/pool.ts";

const KEY = ["--private-key", formatKey(bytes(32, 1)), "--no-grease"];

/** Asks that often, each time from another port. */
async function ask(server: RunningProcess, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const { code, err } = await run("query", server.at, server.key);
    assert.equal(code, 0, err.join("\n"));
  }
}

/** The fields of a log line in JSON. */
async function logged(server: RunningProcess, text: string) {
  return json(await server.logged(`"${text}"`));
}

linux(
  "server run --io linux --workers 2 serves, counts and drains",
  async () => {
    await using server = await startServer([
      ...KEY,
      "--io=linux",
      "--workers=2",
      "--metrics=127.0.0.1:0",
      "--log-format=json",
    ]);
    const { address } = await logged(server, "monitor listening");
    const { io, workers, reason } = await logged(server, "sockets");
    assert.deepEqual({ io, workers, reason }, {
      io: "linux",
      workers: 2,
      reason: undefined,
    });
    let total = 0;
    for (const times of [1, 2, 5, 12]) {
      await ask(server, times);
      total += times;
      const metrics = await (await fetch(`http://${address}/metrics`)).text();
      const udp = [...metrics.matchAll(
        /^roughtime_requests_(\w+)_total\{transport="udp",scheme="\w+"\} (\d+)$/gm,
      )].map(([, name, value]) => `${name} ${value}`);
      assert.deepEqual(udp, [`received ${total}`, `responded ${total}`]);
      assert.match(metrics, /^roughtime_panics_total 0$/m);
    }
    const tcp = await run("query", server.at, server.key, "--transport=tcp");
    assert.equal(tcp.code, 0);
    const { code, out, err } = await server.stop("SIGTERM");
    assert.equal(code, 0, err.join("\n"));
    assert.equal(out.at(-1), "Server stopped.");
    const stats = json(err.at(-1));
    assert.equal(stats.message, "stats");
    assert.equal(stats.received, total + 1);
    assert.equal(stats.answered, total + 1);
    assert.equal(stats.dropped, 0);
    assert.equal(stats.panics, 0);
  },
);

linux(
  "server run has a thread for each core unless told otherwise",
  async () => {
    const words = ["--io=auto", "--log-format=json"];
    await using server = await startServer([...KEY, ...words]);
    const { io, workers } = await logged(server, "sockets");
    assert.deepEqual([io, workers], ["linux", navigator.hardwareConcurrency]);
    await ask(server, 1);
  },
);

linux(
  "server run tells a service manager without a file, or says that it cannot",
  async () => {
    const name = `@roughly-test-${crypto.randomUUID()}`;
    using manager = listenAbstract(name);
    {
      await using _ = await startServer(KEY, { env: { NOTIFY_SOCKET: name } });
      assert.equal(manager.next(), "READY=1");
    }
    assert.equal(manager.next(), "STOPPING=1");
    for (const gone of ["@roughly-nobody", "/nowhere/notify", "vsock:2"]) {
      const env = { NOTIFY_SOCKET: gone };
      await using server = await startServer(KEY, { env });
      const line = await server.logged("the service manager could not be told");
      assert(line.includes(`socket=${gone} error=`), line);
    }
  },
);

Deno.test("server run --io portable serves", async () => {
  await using server = await startServer([...KEY, "--io=portable"]);
  await ask(server, 3);
  const line = await server.logged(" sockets ");
  assert.match(line, / info {4}sockets io=portable workers=0$/);
  const { code, err } = await server.stop("SIGTERM");
  assert.equal(code, 0);
  assertLog(err);
  assert.match(err.at(-1) ?? "", / stats received=3 answered=3 /);
});

Deno.test("server run without FFI says why it does without, or does not start", async () => {
  const permissions = ["--allow-net", "--allow-env", "--allow-read"];
  await using server = await startServer(KEY, { permissions });
  await ask(server, 1);
  const line = await server.logged(" sockets ");
  assert.match(line, / sockets io=portable workers=0 reason=./);
  const ended = await execute([
    ...["server", "run", "--host=127.0.0.1", "--port=0", "--io=linux"],
    ...KEY,
  ], { permissions });
  assertFailure(ended, 2, /^cannot use Linux sockets: ./);
  assert.deepEqual(ended.out, []);
});

Deno.test("server run refuses threads and ways that make no sense", async () => {
  const cases: [args: string[], message: RegExp][] = [
    [
      ["--workers", "0"],
      /^cannot use "0" as a count: .* \(--workers\)$/,
    ],
    [
      ["--workers", "-1"],
      /^cannot use "-1" as a count: .* \(--workers\)$/,
    ],
    [
      ["--workers", "two"],
      /^cannot use "two" as a count: .* \(--workers\)$/,
    ],
    [
      ["--workers", "1.5"],
      /^cannot use "1.5" as a count: .* \(--workers\)$/,
    ],
    [["--io", "windows"], /^cannot use "windows" here \(--io\)$/],
    [["--io", ""], /here \(--io\)$/],
  ];
  for (const [args, message] of cases) {
    await fails(2, message, "server", "run", ...KEY, ...args);
  }
});

linux(
  "server run --workers hands a delegation on, and the next one",
  async () => {
    await using there = await folder();
    await writeDelegation(there.in("online"), { longTerm: LONG_TERM });
    await using server = await startServer(
      ["--delegation=online", "--no-grease", "--io=linux", "--workers=2"],
      { cwd: there.path },
    );
    assert.equal(server.key, formatKey(LONG_TERM.publicKey));
    await ask(server, 4);
    await writeDelegation(there.in("online"), { longTerm: LONG_TERM });
    server.signal("SIGHUP");
    await server.logged("keys replaced");
    await ask(server, 4);
    const { code, err } = await server.stop("SIGTERM");
    assert.equal(code, 0);
    assert.match(err.at(-1) ?? "", / answered=8 dropped=0 .* rotations=1 /);
  },
);

linux("two servers never share a port, even without TCP", async () => {
  const words = [...KEY, "--no-tcp", "--io=linux", "--workers=2"];
  await using server = await startServer(words);
  const port = server.at.split(":")[1] as string;
  const ended = await execute([
    ...["server", "run", "--host=127.0.0.1", "--port", port],
    ...words,
  ]);
  assertFailure(ended, 2, /^cannot listen on 127\.0\.0\.1:\d+: /);
  await ask(server, 1);
});
