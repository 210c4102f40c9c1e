import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionShare, holderOf } from "../../lib/net/connection_share.ts";

const none = { permissions: "none" } as const;

Deno.test("holderOf() counts what one customer has as one", none, () => {
  const same = [
    ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"],
    ["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:0:1::"],
    ["fe80::1%eth0", "fe80::2%eth0"],
  ];
  const holders = same.map((addresses) => new Set(addresses.map(holderOf)));
  for (const holder of holders) assert.equal(holder.size, 1);
  const others = ["192.0.2.2", "2001:db8:0:1::1", "::1", "", "?"];
  const all = [...holders.flatMap((one) => [...one]), ...others.map(holderOf)];
  assert.equal(new Set(all).size, same.length + others.length);
});

interface Held {
  readonly name: string;
  busy: boolean;
}

/** A share that closes at once what has to go. */
class World {
  readonly open = new Map<string, Held>();
  readonly gone: string[] = [];
  readonly share: ConnectionShare<Held>;

  constructor(maxConnections: number, maxConnectionsPerAddress: number) {
    this.share = new ConnectionShare<Held>(
      { maxConnections, maxConnectionsPerAddress },
      ({ busy }) => !busy,
    );
  }

  come(name: string, address: string): boolean {
    const held = { name, busy: false };
    const { admitted, evicted } = this.share.admit(held, address);
    if (evicted) {
      this.open.delete(evicted.name);
      this.gone.push(evicted.name);
    }
    if (admitted) this.open.set(name, held);
    return admitted;
  }

  get(name: string): Held {
    return this.open.get(name) as Held;
  }
}

Deno.test("beyond its share an address pays with its own idlest", none, () => {
  const world = new World(100, 3);
  for (const name of ["a1", "b1", "a2", "a3"]) {
    world.come(name, name.startsWith("a") ? "192.0.2.1" : "192.0.2.2");
  }
  world.share.renew(world.get("a1"));
  world.get("a2").busy = true;
  assert(world.come("a4", "192.0.2.1"));
  assert(world.come("a5", "192.0.2.1"));
  assert.deepEqual(world.gone, ["a3", "a1"]);
  for (const one of world.open.values()) one.busy = true;
  assert(!world.come("a6", "192.0.2.1"), "nobody of theirs is idle");
  assert(world.come("b2", "192.0.2.2"));
});

Deno.test(
  "a full server takes from those who hold more than their part",
  none,
  () => {
    const world = new World(10, 8);
    assert(world.come("first", "192.0.2.9"));
    for (let i = 0; i < 8; i++) assert(world.come(`a${i}`, "192.0.2.1"));
    assert(world.come("b0", "2001:db8::1"));
    // The first has been idle for longest, but holds one only.
    assert(world.come("new", "192.0.2.3"));
    assert.deepEqual(world.gone, ["a0"]);
    // The one that holds most gets more only from itself.
    assert(world.come("a8", "192.0.2.1"));
    assert.deepEqual(world.gone, ["a0", "a1"]);
  },
);

Deno.test(
  "where all hold the same, the one idle for longest goes",
  none,
  () => {
    const world = new World(3, 3);
    for (let i = 0; i < 3; i++) world.come(`${i}`, `192.0.2.${i}`);
    world.share.renew(world.get("0"));
    world.get("1").busy = true;
    assert(world.come("3", "192.0.2.3"));
    assert.deepEqual(world.gone, ["2"]);
    world.share.remove(world.get("0"));
    world.share.remove({ name: "stranger", busy: false });
    world.share.renew({ name: "stranger", busy: false });
    assert.equal(world.share.size, 2);
  },
);

Deno.test(
  "whatever happens, the limits hold and nobody busy goes",
  none,
  () => {
    const event = fc.record({
      kind: fc.constantFrom(
        "come",
        "come",
        "come",
        "busy",
        "idle",
        "renew",
        "go",
      ),
      address: fc.nat(5),
      pick: fc.nat(100),
    });
    fc.assert(fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const world = new World(12, 5);
      let names = 0;
      for (const { kind, address, pick } of events) {
        const open = [...world.open.values()];
        const one = open[pick % Math.max(1, open.length)];
        if (kind === "come") {
          const busy = open.filter(({ busy }) => busy);
          const own = open.filter(({ name }) => name.startsWith(`${address}/`));
          const name = `${address}/${names++}`;
          const admitted = world.come(name, `192.0.2.${address}`);
          assert(busy.every((held) => world.open.has(held.name)));
          assert(admitted || own.every(({ busy }) => busy));
        } else if (one === undefined) continue;
        else if (kind === "renew") world.share.renew(one);
        else if (kind === "go") {
          world.share.remove(one);
          world.open.delete(one.name);
        } else one.busy = kind === "busy";
        assert.equal(world.share.size, world.open.size);
        assert(world.open.size <= 12);
        const each = Map.groupBy(
          world.open.keys(),
          (name) => name.split("/")[0],
        );
        for (const names of each.values()) assert(names.length <= 5);
      }
    }));
  },
);
