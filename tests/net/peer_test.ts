import assert from "node:assert/strict";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { sendRequest } from "../../mod.ts";
import type {
  DatagramOptions,
  DatagramSocket,
  Peer,
} from "../../lib/net/datagram.ts";
import { hasDenoUdp, openDenoUdp } from "../../lib/net/deno_udp.ts";
import { linuxUdpProblem, openLinuxUdp } from "../../lib/net/linux/udp.ts";
import { openNodeUdp } from "../../lib/net/node_udp.ts";
import { AddressPeer, peerFrom, samePeer } from "../../lib/net/peer.ts";
import { Server } from "../../lib/server/core.ts";
import { serve } from "../../lib/server/serve.ts";
import type { ParsedRequest } from "../../lib/wire/request.ts";

const none = { permissions: "none" } as const;

Deno.test("a peer is the same in every spelling", none, () => {
  const spellings: [text: string, address: string, zone: string | undefined][] =
    [
      ["127.0.0.1", "127.0.0.1", undefined],
      ["::ffff:127.0.0.1", "127.0.0.1", undefined],
      ["::FFFF:7F00:1", "127.0.0.1", undefined],
      ["0:0:0:0:0:0:0:1", "::1", undefined],
      ["2001:DB8:0::7", "2001:db8::7", undefined],
      ["FE80::1%7", "fe80::1", "7"],
      ["?", "?", undefined],
    ];
  for (const [text, address, zone] of spellings) {
    const peer = new AddressPeer(text, 2002);
    assert.deepEqual([peer.address, peer.zone, peer.port], [
      address,
      zone,
      2002,
    ]);
    assert.equal(peer.hostname, text); // what the runtime gets back
    assert(samePeer(peer, new AddressPeer(address, 2002)));
    assert(!samePeer(peer, new AddressPeer(address, 2003)));
    assert(!samePeer(peer, new AddressPeer("192.0.2.1", 2002)));
  }
  assert.equal(String(new AddressPeer("FE80::1%7", 1)), "[fe80::1%7]:1");
  assert.equal(String(new AddressPeer("::ffff:127.0.0.1", 1)), "127.0.0.1:1");
});

Deno.test("a zone tells peers apart where both are known", none, () => {
  const at = (text: string) => new AddressPeer(text, 2002);
  assert(!samePeer(at("fe80::1%7"), at("fe80::1%8")));
  assert(samePeer(at("fe80::1%7"), at("fe80::1%07")));
  assert(samePeer(at("fe80::1%7"), at("fe80::1")));
});

Deno.test("peerFrom() names IPv4 as the socket's family does", none, () => {
  const v6 = { hostname: "::" };
  assert.equal(peerFrom("127.0.0.1", 1, v6).hostname, "::ffff:127.0.0.1");
  assert.equal(peerFrom("::ffff:127.0.0.1", 1, v6).address, "127.0.0.1");
  assert.equal(peerFrom("0::1", 1, v6).hostname, "::1");
  const v4 = { hostname: "0.0.0.0" };
  assert.equal(peerFrom("::ffff:127.0.0.1", 1, v4).hostname, "127.0.0.1");
});

type Open = (options: DatagramOptions) => Promise<DatagramSocket>;

// deno-lint-ignore require-await
const denoUdp: Open = async (options) => openDenoUdp(options);
// deno-lint-ignore require-await
const linuxUdp: Open = async (options) => openLinuxUdp(options);

const BACKENDS: readonly [name: string, open: Open, missing?: string][] = [
  hasDenoUdp()
    ? ["deno_udp", denoUdp]
    : ["deno_udp", denoUdp, "Deno.listenDatagram is not there"],
  ["node_udp", openNodeUdp],
  ["linux_udp", linuxUdp, linuxUdpProblem() as string],
];

/** Why not, or where a link-local address of this machine is. */
function linkLocal():
  | { name: string; address: string; number: number }
  | string {
  for (const [name, addresses = []] of Object.entries(os.networkInterfaces())) {
    for (const { address, family, scopeid } of addresses) {
      if (family === "IPv6" && scopeid && address.startsWith("fe80:")) {
        return {
          name,
          address: address.split("%")[0] as string,
          number: scopeid,
        };
      }
    }
  }
  return "this machine has no link-local address";
}

async function netIsOpen(): Promise<boolean> {
  return (await Deno.permissions.query({ name: "net" })).state === "granted";
}

/** Sends a datagram there and one back; gives both peers as the receivers see them. */
async function thereAndBack(
  open: Open,
  bind: string,
  to: string,
): Promise<
  { asked: Peer; answered: Peer; near: number; far: number; named: Peer }
> {
  const options = { port: 0, maxBatch: 1 };
  const far = await open({ ...options, hostname: bind });
  const near = await open({ ...options, hostname: "::" });
  try {
    const named = near.peer(to, far.address.port);
    assert.equal(
      await near.send([{ bytes: new Uint8Array(8), peer: named }]),
      1,
    );
    const [came] = await far.receive();
    assert(came);
    assert.equal(await far.send([came]), 1);
    const [back] = await near.receive();
    assert(back);
    return {
      asked: came.peer,
      answered: back.peer,
      near: near.address.port,
      far: far.address.port,
      named,
    };
  } finally {
    near.close();
    far.close();
  }
}

for (const [name, open, missing] of BACKENDS) {
  const test = (
    what: string,
    reason: string | undefined,
    fn: () => Promise<void>,
  ) =>
    Deno.test({
      name: reason ? `${name} ${what} (skipped: ${reason})` : `${name} ${what}`,
      ignore: reason !== undefined,
      fn,
    });
  const closed = missing ??
    (await netIsOpen() ? undefined : "--allow-net is for loopback only");

  test("tells an IPv4 peer of an IPv6 socket as IPv4", closed, async () => {
    const { asked, answered, named, near, far } = await thereAndBack(
      open,
      "::",
      "127.0.0.1",
    );
    assert.deepEqual([asked.address, asked.port], ["127.0.0.1", near]);
    assert.deepEqual([answered.address, answered.port], ["127.0.0.1", far]);
    assert(samePeer(answered, named));
  });

  const link = linkLocal();
  const nowhere = typeof link === "string" ? link : undefined;
  test(
    "knows a link-local peer by the zone's name and number",
    closed ?? nowhere,
    async () => {
      assert(typeof link !== "string");
      for (const zone of [link.name, link.number]) {
        const { asked, answered, named } = await thereAndBack(
          open,
          "::",
          `${link.address.toUpperCase()}%${zone}`,
        );
        assert.equal(asked.address, link.address);
        assert.equal(answered.address, link.address);
        assert(samePeer(answered, named), `${answered} is not ${named}`);
      }
    },
  );

  test(
    "carries a query to a link-local address",
    closed ?? nowhere,
    async () => {
      assert(typeof link !== "string");
      const server = await Server.create({ greaseProbability: 0 });
      await using running = await serve(server, {
        hostname: "::",
        port: 0,
        tcp: false,
        open,
      });
      for (const zone of [link.name, link.number]) {
        const { address } = await sendRequest({
          host: `${link.address}%${zone}`,
          port: running.address.port,
          publicKey: server.publicKeys[0] as Uint8Array,
          transport: "udp",
          open,
        });
        assert(address.startsWith(`[${link.address}`), address);
      }
    },
  );
}

/** Refuses whoever comes from loopback over IPv4. */
class Choosy extends Server {
  readonly seen = new Set<string>();
  override acceptRequest(_request: ParsedRequest, peer?: Peer): boolean {
    this.seen.add(`${peer?.address}`);
    return peer?.address !== "127.0.0.1";
  }
}

Deno.test({
  name: "a deny rule on an address holds over a dual-stack TCP listener",
  ignore: !(await netIsOpen()),
  fn: async () => {
    const server = await Choosy.create({ greaseProbability: 0 });
    await using running = await serve(server, { hostname: "::", port: 0 });
    const { port } = running.address;
    const publicKey = server.publicKeys[0] as Uint8Array;
    for (const transport of ["udp", "tcp"] as const) {
      const asking = (host: string, timeout: number) =>
        sendRequest({ host, port, publicKey, transport, timeout });
      await assert.rejects(asking("127.0.0.1", 300), { name: "TimeoutError" });
      await asking("::1", 5000);
      assert.deepEqual([...server.seen].sort(), ["127.0.0.1", "::1"]);
      assert.equal(running.counters[transport].dropped.refused > 0, true);
      server.seen.clear();
    }
  },
});

// What binds to all addresses needs more than the tests are given.
if (!(await netIsOpen())) {
  Deno.test("peers are the same over all addresses of this machine", async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "--no-check", "--allow-net", "--allow-ffi", "--allow-sys"],
        ...["--allow-env", "--allow-read"],
        fileURLToPath(import.meta.url),
      ],
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert.equal(code, 0, said + new TextDecoder().decode(stderr));
  });
}
