import assert from "node:assert/strict";
import { ask } from "../../lib/client/ask.ts";
import {
  BAD,
  FakeNetwork,
  found,
  GOOD,
  options,
  type Outgoing,
  takeGood,
} from "../_support/fake_network.ts";
import { SkippedTime } from "../_support/skipped_time.ts";

Deno.test("ask() listens only to whom it asked", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => {
    reply(GOOD, "192.0.2.2:2002");
    reply(GOOD, "192.0.2.1:2003");
    reply(GOOD, "[2001:db8::1]:2002");
    reply(GOOD, "192.0.2.1:20020");
    reply(BAD);
    reply(GOOD);
  };
  const heard: string[] = [];
  const arrival = await ask(options(network, {
    judge: (arrival) => {
      heard.push(arrival.from);
      return takeGood(arrival);
    },
  }));
  assert.equal(arrival?.from, "192.0.2.1:2002");
  assert.deepEqual(heard, ["192.0.2.1:2002", "192.0.2.1:2002"]);
});

Deno.test("ask() does not listen to an address before it is asked", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = new FakeNetwork();
  network.onSend = ({ to, reply }) => {
    if (to === "192.0.2.1:2002") reply(GOOD, "192.0.2.2:2002");
    else reply(GOOD);
  };
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("192.0.2.1", "192.0.2.2"),
  }));
  assert.equal(arrival?.from, "192.0.2.2:2002");
  assert.equal(network.sent.length, 2);
});

Deno.test(
  "ask() asks all addresses of a name, with one socket for each family",
  {
    permissions: "none",
  },
  async () => {
    using _time = new SkippedTime();
    const network = new FakeNetwork();
    network.onSend = ({ to, reply }) => {
      if (to === "192.0.2.2:2002") reply(GOOD);
    };
    const arrival = await ask(options(network, {
      host: "name",
      lookup: found("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"),
    }));
    assert.equal(arrival?.from, "192.0.2.2:2002");
    assert.deepEqual(network.sent.map(({ to }) => to), [
      "[2001:db8::1]:2002",
      "192.0.2.1:2002",
      "[2001:db8::2]:2002",
      "192.0.2.2:2002",
    ]);
    assert.deepEqual(
      network.opened.map(({ hostname, port }) => [hostname, port]),
      [["::", 0], ["0.0.0.0", 0]],
    );
    assert(network.allClosed);
  },
);

Deno.test("ask() knows who was asked in whatever spelling the answer has", {
  permissions: "none",
}, async () => {
  const spellings: [host: string, answers: string, from: string][] = [
    ["::1", "[0:0:0:0:0:0:0:1]:2002", "[::1]:2002"],
    ["2001:DB8::a", "[2001:db8:0:0::A]:2002", "[2001:db8::a]:2002"],
    ["::ffff:192.0.2.1", "[::FFFF:c000:201]:2002", "192.0.2.1:2002"],
    ["192.0.2.1", "[::ffff:192.0.2.1]:2002", "192.0.2.1:2002"],
    ["fe80::1%07", "[fe80::1%7]:2002", "[fe80::1%7]:2002"],
    ["FE80::1%eth0", "[fe80::1%eth0]:2002", "[fe80::1%eth0]:2002"],
    // Deno does not tell the zone.
    ["fe80::1%eth0", "[fe80::1]:2002", "[fe80::1]:2002"],
  ];
  for (const [host, answers, from] of spellings) {
    const network = new FakeNetwork();
    network.onSend = ({ reply }) => reply(GOOD, answers);
    const arrival = await ask(options(network, { host }));
    assert.equal(arrival?.from, from, host);
  }
});

Deno.test("ask() believes nobody else, and tells who it was", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const cases: [hosts: string[], stranger: string, named: string][] = [
    [["192.0.2.1"], "192.0.2.2:2002", "192.0.2.2:2002"],
    [["192.0.2.1"], "192.0.2.1:2003", "192.0.2.1:2003"],
    [["192.0.2.1"], "[2001:db8::1]:2002", "[2001:db8::1]:2002"],
    [["fe80::1%7"], "[fe80::1%8]:2002", "[fe80::1%8]:2002"],
    // One that is asked, but through another socket.
    [
      ["2001:db8::1", "192.0.2.1"],
      "[2001:db8::1]:2002",
      "[2001:db8::1]:2002",
    ],
  ];
  for (const [hosts, stranger, named] of cases) {
    const network = new FakeNetwork();
    const strangers: string[] = [];
    let judged = 0;
    network.onSend = ({ to, reply }) => {
      if (to === stranger) return;
      reply(GOOD, stranger);
    };
    const arrival = await ask(options(network, {
      host: "name",
      lookup: found(...hosts),
      timeout: 300,
      retries: 1,
      onTrace: (event) => {
        if (event.kind === "drop") strangers.push(event.address);
      },
      judge: (arrival) => {
        judged++;
        return Promise.resolve(arrival);
      },
    }));
    assert.equal(arrival, undefined, stranger);
    assert.equal(judged, 0);
    assert.deepEqual(strangers, [named]);
  }
});

Deno.test("ask() does not wait for addresses it needs no more", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(GOOD);
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "[2001:db8::1]:2002");
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() takes a late answer of an address it asked first", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = new FakeNetwork();
  let first: Outgoing | undefined;
  network.onSend = (outgoing) => {
    first ??= outgoing;
    if (outgoing.to === "192.0.2.1:2002") first.reply(GOOD);
  };
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "[2001:db8::1]:2002");
});

Deno.test("ask() binds to loopback when it asks there", {
  permissions: "none",
}, async () => {
  const bound: Record<string, string> = {
    "127.0.0.1": "127.0.0.1",
    "127.1.2.3": "127.0.0.1",
    "::1": "::1",
    "[::1]": "::1",
    "192.0.2.1": "0.0.0.0",
    "2001:db8::1": "::",
  };
  for (const [host, hostname] of Object.entries(bound)) {
    const network = new FakeNetwork();
    network.onSend = ({ reply }) => reply(GOOD);
    assert(await ask(options(network, { host })));
    assert.deepEqual(network.opened.map((each) => each.hostname), [hostname]);
  }
});

Deno.test("ask() does without a family that this machine has not", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onOpen = ({ hostname }) =>
    hostname === "::"
      ? Promise.reject(new Error("address family not supported"))
      : Promise.resolve();
  network.onSend = ({ reply }) => reply(GOOD);
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "192.0.2.1:2002");
});

Deno.test("ask() does without an address that has no route", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = new FakeNetwork();
  network.onSend = ({ to, reply }) => {
    if (to.startsWith("[")) return false;
    return reply(GOOD);
  };
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "192.0.2.1:2002");
});
