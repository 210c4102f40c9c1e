import assert from "node:assert/strict";
import { freePort } from "../../_support/free_port.ts";
import {
  assertFailure,
  execute,
  fails,
  folder,
  json,
  run,
  writeDelegation,
  writeKey,
} from "../../_support/cli.ts";
import { hasIpv6 } from "../../_support/ipv6.ts";
import {
  KEY,
  OTHER_SEED,
  SECOND_KEY,
  SEED,
  signerOf,
} from "../../_support/server_run.ts";

const VERSIONS =
  "Versions: 1, 0x80000001, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000007, 0x80000008, 0x80000009, 0x8000000a, 0x8000000b, 0x8000000c, google";

Deno.test("server run --check-config says what would be served", {
  ignore: !hasIpv6(),
}, async () => {
  await using there = await folder();
  await writeKey(there.in("key"), SEED);
  await writeDelegation(there.in("online"), {
    longTerm: signerOf(OTHER_SEED),
    to: 864_000,
  });
  const [six, four] = [freePort("::1"), freePort("127.0.0.1")];
  const words = [
    ...["server", "run", "--check-config", "--key-file", there.in("key")],
    ...["--delegation", there.in("online"), "--no-tcp", "--host=[::1]"],
    ...[`--port=${six}`, `--listen=127.0.0.1:${four}`, "--io=portable"],
    "--trust-clock",
  ];
  const { code, out, err } = await run(...words);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.match(
    out[1] ?? "",
    new RegExp(
      `^Delegation: ${
        SECOND_KEY.replace(/[+/]/g, "\\$&")
      } from .*, 10\\.0 days left, until 2\\d{3}-`,
    ),
  );
  assert.deepEqual(out.toSpliced(1, 1), [
    `Key: ${KEY} from ${there.in("key")}`,
    `Listen: [::1]:${six}, 127.0.0.1:${four}, UDP`,
    "Sockets: portable, one thread",
    "Radius: 3 s, whatever the system says of its clock",
    "Validity: 3600 s for each online key",
    "Grease: 0.001 of the replies",
    VERSIONS,
    "The configuration is usable.",
  ]);
  // What was bound is free again, so the same words do once more, in JSON too.
  const asJson = await run(...words, "--json");
  assert.equal(asJson.code, 0);
  const [line, ...more] = asJson.out.map(json);
  assert.deepEqual(more, []);
  const { keys, versions, ...rest } = line;
  assert.deepEqual(rest, {
    schema: "roughly/check-config/1",
    ok: true,
    listen: [`[::1]:${six}`, `127.0.0.1:${four}`],
    tcp: false,
    io: "portable",
    workers: 0,
    radiusSeconds: 3,
    trustClock: true,
    silencedByClock: false,
    validitySeconds: 3600,
    greaseProbability: 0.001,
    statsIntervalSeconds: 60,
  });
  assert.equal(versions.length, 14);
  assert.deepEqual(
    keys.map(({ publicKey, delegated }: Record<string, unknown>) => [
      publicKey,
      delegated,
    ]),
    [[KEY, false], [SECOND_KEY, true]],
  );
});

Deno.test("server run --check-config needs no address of its own", async () => {
  const bare = await execute([
    ...["server", "run", "--check-config", "--io=portable", "--port=0"],
    ...["--private-key", SEED, "--no-grease", "--max-radius=60"],
  ]);
  assert.equal(bare.code, 0, bare.err.join("\n"));
  const [, listen, connections, sockets, radius, , grease] = bare.out;
  assert.match(listen ?? "", /^Listen: (\[::\]|0\.0\.0\.0):0.*, UDP and TCP$/);
  assert.match(connections ?? "", /^Connections: \d+, 64 for each address$/);
  assert.equal(sockets, "Sockets: portable, one thread");
  assert.match(radius ?? "", /^Radius: 3 s, up to 60 s where /);
  assert.equal(grease, "Grease: none");
});

Deno.test("server run --check-config refuses the addresses that a start would", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const udp = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port: tcpPort } = taken.addr;
  const { port: udpPort } = udp.addr as Deno.NetAddr;
  const free = freePort("127.0.0.1");
  const cases: [args: string[], message: RegExp][] = [
    [
      ["--host=127.0.0.1", `--port=${tcpPort}`],
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${tcpPort}: `),
    ],
    [
      ["--host=127.0.0.1", `--port=${udpPort}`, "--no-tcp"],
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${udpPort}: `),
    ],
    [
      [`--listen=127.0.0.1:${free}`, `--listen=127.0.0.1:${free}`],
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${free} twice$`),
    ],
    [
      [`--listen=127.0.0.1:${free}`, `--metrics=127.0.0.1:${free}`],
      new RegExp(`^cannot serve metrics on 127\\.0\\.0\\.1:${free}: `),
    ],
  ];
  const words = ["server", "run", "--private-key", SEED];
  for (const [args, message] of cases) {
    for (const io of ["portable", "auto"]) {
      const told = await fails(
        2,
        message,
        ...words,
        ...args,
        `--io=${io}`,
        "--check-config",
      );
      assert.deepEqual(told.out, []);
    }
    // The start says the very same.
    const started = await run(...words, ...args, "--io=portable");
    assert.equal(started.code, 2);
    const said = started.err.find((line) =>
      line.startsWith("roughly: error: ")
    );
    assert.match(said?.replace("roughly: error: ", "") ?? "", message);
  }
  udp.close();
  for (const host of ["nosuch.invalid", "192.0.2.1"]) {
    const ended = await execute([
      ...words,
      `--host=${host}`,
      `--port=${free}`,
      "--check-config",
    ]);
    assertFailure(ended, 2, new RegExp(`^cannot listen on ${host}:${free}: `));
    assert.deepEqual(ended.out, []);
  }
});

Deno.test("server run --check-config fails in JSON too", async () => {
  const { code, out } = await run(
    ...["server", "run", "--check-config", "--json", "--private-key", SEED],
    ...["--listen=127.0.0.1:1234", "--listen=127.0.0.1:1234"],
  );
  assert.equal(code, 2);
  const [line] = out.map(json);
  assert.equal(line.schema, "roughly/check-config/1");
  assert.equal(line.ok, false);
  assert.equal(line.error.code, "usage");
});

Deno.test("server run --check-config refuses what would not do", async () => {
  await using there = await folder();
  const online = there.in("online");
  const words = ["server", "run", "--check-config", "--delegation", online];
  await fails(2, `there is no file ${online}`, ...words);
  await writeKey(online, "{}");
  await fails(2, /is not a usable delegation: /, ...words);
  await writeDelegation(online, { longTerm: signerOf(SEED), to: -1 });
  await fails(2, `${online} is a delegation that has ended`, ...words);
  await writeDelegation(online, { longTerm: signerOf(SEED), from: 600 });
  await fails(2, `${online} is a delegation that has not begun`, ...words);
  await writeDelegation(online, { longTerm: signerOf(SEED) });
  const { out } = await fails(
    2,
    /a long-term key stands twice$/,
    ...words,
    "--private-key",
    SEED,
  );
  assert.deepEqual(out, []);
  await fails(2, /radius/, ...words, "--radius", "1e9");
});

Deno.test("server run --check-config says if it would not answer now", async () => {
  const words = [
    ...["server", "run", "--check-config", "--io=portable"],
    "--listen=127.0.0.1:0",
    ...["--private-key", SEED, "--max-radius=3"],
  ];
  const { code, out } = await run(...words);
  const asJson = await run(...words, "--json");
  assert.deepEqual([code, asJson.code], [0, 0]);
  // It is for this machine's kernel to say which.
  assert.equal(
    out.at(-1),
    json(asJson.out[0]).silencedByClock
      ? "The configuration is usable, but it would not answer now."
      : "The configuration is usable.",
  );
});
