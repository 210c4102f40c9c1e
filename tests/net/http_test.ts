import assert from "node:assert/strict";
import {
  type MonitorServer,
  type Observability,
  openMonitor,
} from "../../lib/net/http.ts";

const loopback = { permissions: { net: ["127.0.0.1"] } };

const WELL: Observability = {
  metrics: () => "# some\nroughtime_batches_total 7\n",
  problem: () => undefined,
};

type Monitor = MonitorServer & AsyncDisposable;

async function open(source: Observability = WELL): Promise<Monitor> {
  const monitor = await openMonitor("127.0.0.1", 0, source);
  return { ...monitor, [Symbol.asyncDispose]: monitor.close };
}

function connect({ address }: MonitorServer): Promise<Deno.TcpConn> {
  return Deno.connect(address);
}

async function write(connection: Deno.TcpConn, text: string): Promise<void> {
  const data = new TextEncoder().encode(text);
  for (let at = 0; at < data.length;) {
    at += await connection.write(data.subarray(at));
  }
}

/** Reads until the other side closes, or until there is enough. */
async function read(
  connection: Deno.TcpConn,
  isEnough: (text: string) => boolean = () => false,
): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!isEnough(text)) {
    let count: number | null;
    try {
      count = await connection.read(buffer);
    } catch (error) {
      // How a system ends a connection with unread data in it.
      if (error instanceof Deno.errors.ConnectionReset) break;
      throw error;
    }
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text;
}

interface Reply {
  status: number;
  headers: Headers;
  body: string;
}

function parse(text: string): Reply {
  const end = text.indexOf("\r\n\r\n");
  assert(end > 0, JSON.stringify(text));
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  let rest = text.slice(end + 4);
  const chunked = headers.get("transfer-encoding") === "chunked";
  let body = chunked ? "" : rest;
  while (chunked && rest !== "") {
    const line = rest.indexOf("\r\n");
    const length = parseInt(rest.slice(0, line), 16);
    if (length === 0) break;
    body += rest.slice(line + 2, line + 2 + length);
    rest = rest.slice(line + 4 + length);
  }
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(first) ?? [];
  return { status: Number(status), headers, body };
}

/** Sends that text over a connection of its own; gives all that comes back. */
async function exchange(monitor: MonitorServer, text: string): Promise<string> {
  using connection = await connect(monitor);
  await write(connection, text);
  return await read(connection);
}

async function ask(
  monitor: MonitorServer,
  method: string,
  path: string,
  more = "",
): Promise<Reply> {
  return parse(
    await exchange(
      monitor,
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}\r\n`,
    ),
  );
}

Deno.test("the monitor tells the metrics", loopback, async () => {
  await using monitor = await open();
  for (const path of ["/metrics", "/metrics?name=x", "/./metrics"]) {
    const { status, headers, body } = await ask(monitor, "GET", path);
    assert.equal(status, 200);
    assert.equal(body, WELL.metrics());
    assert.equal(
      headers.get("content-type"),
      "text/plain; version=0.0.4; charset=utf-8",
    );
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
});

Deno.test("the monitor asks anew each time", loopback, async () => {
  let asked = 0;
  await using monitor = await open({
    ...WELL,
    metrics: () => `n ${++asked}\n`,
  });
  assert.equal(asked, 0);
  for (const n of [1, 2, 3]) {
    assert.equal((await ask(monitor, "GET", "/metrics")).body, `n ${n}\n`);
  }
});

Deno.test(
  "the monitor tells whether the server is well",
  loopback,
  async () => {
    let problem: string | undefined;
    await using monitor = await open({ ...WELL, problem: () => problem });
    const well = await ask(monitor, "GET", "/healthz");
    assert.equal(well.status, 200);
    assert.equal(well.body, "ok\n");
    problem = "the clock may be off";
    const ill = await ask(monitor, "GET", "/healthz");
    assert.equal(ill.status, 503);
    assert.equal(ill.body, "the clock may be off\n");
    assert.equal((await ask(monitor, "HEAD", "/healthz")).status, 503);
    problem = undefined;
    assert.equal((await ask(monitor, "GET", "/healthz")).status, 200);
  },
);

Deno.test("the monitor sends no body after HEAD", loopback, async () => {
  await using monitor = await open();
  for (const path of ["/metrics", "/healthz", "/"]) {
    const got = await ask(monitor, "GET", path);
    const head = await ask(monitor, "HEAD", path);
    assert.equal(head.status, got.status);
    assert.equal(head.body, "");
    assert.equal(
      head.headers.get("content-type"),
      got.headers.get("content-type"),
    );
  }
});

Deno.test("the monitor knows two paths", loopback, async () => {
  await using monitor = await open();
  const paths = [
    "/",
    "/metrics/",
    "/Metrics",
    "/healthz/x",
    "/../etc/passwd",
    "/%00",
    "/%2e%2e/metrics%",
    "/" + "a".repeat(4000),
  ];
  for (const path of paths) {
    const { status, body } = await ask(monitor, "GET", path);
    assert.equal(status, 404, path);
    assert.equal(body, "not found\n");
  }
});

Deno.test("the monitor only lets itself be read", loopback, async () => {
  let asked = 0;
  const count = () => `${++asked}`;
  await using monitor = await open({ metrics: count, problem: count });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]) {
    for (const path of ["/metrics", "/healthz", "/"]) {
      const { status, headers } = await ask(monitor, method, path);
      assert.equal(status, 405, method);
      assert.equal(headers.get("allow"), "GET, HEAD");
    }
  }
  const body = "Content-Length: 3\r\n\r\nabc";
  assert.equal((await ask(monitor, "POST", "/metrics", body)).status, 405);
  assert.equal((await ask(monitor, "OPTIONS", "*")).status, 405);
  assert.equal(asked, 0);
});

Deno.test("the monitor survives what is no HTTP", loopback, async () => {
  await using monitor = await open();
  const requests = [
    "\r\n\r\n\r\n",
    "\0\x01\x02\r\n\r\n",
    "hello\r\n\r\n",
    "GET\r\n\r\n",
    "GET /metrics\r\n\r\n",
    "GET /metrics HTTP/9.9\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nno colon\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    `GET / HTTP/1.1\r\nHost: x\r\nLong: ${"a".repeat(100_000)}\r\n\r\n`,
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\xff".repeat(500),
    "ROUGHTIM" + "\0".repeat(1024),
  ];
  for (const text of requests) {
    using connection = await connect(monitor);
    try {
      await write(connection, text);
      await connection.closeWrite();
      const reply = await read(connection);
      if (reply !== "") assert.match(reply, /^HTTP\/1\.1 [2345]\d\d /);
    } catch (error) {
      // Refused before all of it was written.
      const { ConnectionReset, BrokenPipe, NotConnected } = Deno.errors;
      const isClosed = [ConnectionReset, BrokenPipe, NotConnected]
        .some((type) => error instanceof type);
      assert(isClosed, Deno.inspect(error));
    }
  }
  for (const path of ["//", "http://[", "http://x:99999/metrics"]) {
    assert.equal((await ask(monitor, "GET", path)).status, 400, path);
  }
  assert.equal((await ask(monitor, "GET", "/metrics")).status, 200);
});

Deno.test("the monitor survives that it cannot be told", loopback, async () => {
  let fails = true;
  const fail = () => {
    if (fails) throw new Error("a secret path");
    return undefined;
  };
  await using monitor = await open({
    metrics: () => fail() ?? "fine\n",
    problem: fail,
  });
  for (const path of ["/metrics", "/healthz"]) {
    const { status, body } = await ask(monitor, "GET", path);
    assert.equal(status, 500);
    assert.equal(body, "internal error\n");
  }
  fails = false;
  assert.equal((await ask(monitor, "GET", "/metrics")).body, "fine\n");
});

Deno.test(
  "the monitor answers several requests on a connection",
  loopback,
  async () => {
    await using monitor = await open();
    using connection = await connect(monitor);
    for (let i = 0; i < 3; i++) {
      await write(
        connection,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
      );
      const text = await read(connection, (got) => got.endsWith("0\r\n\r\n"));
      assert.equal(parse(text).body, "ok\n");
    }
  },
);

Deno.test(
  "the monitor takes 64 connections, and lets go of all when it closes",
  loopback,
  async () => {
    const monitor = await openMonitor("127.0.0.1", 0, WELL);
    const connections: Deno.TcpConn[] = [];
    try {
      for (let i = 0; i < 64; i++) {
        const connection = await connect(monitor);
        connections.push(connection);
        await write(connection, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        await read(connection, (got) => got.endsWith("0\r\n\r\n"));
      }
      for (let i = 0; i < 10; i++) {
        using beyond = await connect(monitor);
        assert.equal(await read(beyond), "");
      }
      // One of them has begun to ask, the others are idle.
      await write(connections[0] as Deno.TcpConn, "GET /metr");
      await monitor.close();
      for (const connection of connections) {
        // A request cut off may be told so.
        const text = await read(connection);
        if (text !== "") assert.match(text, /^HTTP\/1\.1 4\d\d /);
      }
      await assert.rejects(connect(monitor), Deno.errors.ConnectionRefused);
    } finally {
      connections.forEach((connection) => connection.close());
    }
  },
);

Deno.test("the monitor closes where nobody ever came", loopback, async () => {
  const monitor = await open();
  assert.equal(monitor.address.hostname, "127.0.0.1");
  assert(monitor.address.port > 0);
  await monitor.close();
  // The port is free again.
  const next = await openMonitor("127.0.0.1", monitor.address.port, WELL);
  assert.deepEqual(next.address, monitor.address);
  await next.close();
});

Deno.test(
  "openMonitor() rejects where the port is taken",
  loopback,
  async () => {
    await using monitor = await open();
    const { port } = monitor.address;
    await assert.rejects(
      openMonitor("127.0.0.1", port, WELL),
      { code: "EADDRINUSE" },
    );
    assert.equal((await ask(monitor, "GET", "/healthz")).status, 200);
  },
);
