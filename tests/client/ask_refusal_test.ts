import assert from "node:assert/strict";
import { ask } from "../../lib/client/ask.ts";
import type { DatagramOptions } from "../../lib/net/datagram.ts";
import { NetworkError } from "../../lib/wire/errors.ts";
import {
  FakeNetwork,
  found,
  GOOD,
  options,
  refusing,
} from "../_support/fake_network.ts";
import { SkippedTime } from "../_support/skipped_time.ts";

Deno.test("ask() ends at once where the system says that nobody listens", {
  permissions: "none",
}, async () => {
  const network = refusing();
  await assert.rejects(
    ask(options(network, { timeout: 3_600_000 })),
    (error) => {
      assert(error instanceof NetworkError);
      assert.equal(error.code, "unreachable");
      assert.equal(error.reason, "refused");
      assert.equal(error.server, "192.0.2.1:2002");
      assert.equal(
        error.message,
        "Cannot reach 192.0.2.1:2002: connection refused",
      );
      return true;
    },
  );
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() goes on while one of several addresses has not refused", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = refusing("192.0.2.1:2002");
  const told = network.onSend;
  network.onSend = (datagram) => {
    told(datagram);
    if (datagram.to === "192.0.2.2:2002") datagram.reply(GOOD);
  };
  const lookup = found("192.0.2.1", "192.0.2.2");
  const arrival = await ask(options(network, { host: "a.example", lookup }));
  assert.equal(arrival?.from, "192.0.2.2:2002");
});

Deno.test("ask() heeds no refusal by an address that it has not asked", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => {
    const { onRefused } = network.opened[0] as DatagramOptions;
    onRefused?.("192.0.2.9:2002");
    onRefused?.("192.0.2.1:2003");
    reply(GOOD);
  };
  assert(await ask(options(network)));
});

Deno.test("ask() takes a nameless refusal for that of the only address", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = () => network.opened[0]?.onRefused?.(undefined);
  await assert.rejects(ask(options(network, { timeout: 3_600_000 })), {
    reason: "refused",
  });
});

Deno.test("ask() believes an answer that came before the refusal", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ to, reply }) => {
    reply(GOOD);
    // The answer is with the judge by then.
    queueMicrotask(() =>
      queueMicrotask(() => network.opened[0]?.onRefused?.(to))
    );
  };
  assert(await ask(options(network)));
});
