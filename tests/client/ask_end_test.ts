import assert from "node:assert/strict";
import { type Arrival, ask, type AskOptions } from "../../lib/client/ask.ts";
import { NetworkError } from "../../lib/wire/errors.ts";
import {
  BAD,
  FakeNetwork,
  found,
  GOOD,
  options,
} from "../_support/fake_network.ts";
import { SkippedTime } from "../_support/skipped_time.ts";

Deno.test("ask() fails at once where nothing can be sent", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = () => false;
  await assert.rejects(
    ask(options(network, { timeout: 1_000_000 })),
    { name: "NetworkError", code: "unreachable" },
  );
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() fails at once where no socket can be had", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  const cause = new Error("too many open files");
  network.onOpen = () => Promise.reject(cause);
  await assert.rejects(ask(options(network)), (error) => {
    assert(error instanceof NetworkError);
    assert.equal(error.code, "unreachable");
    assert.equal(error.cause, cause);
    assert.match(error.message, /192\.0\.2\.1:2002: too many open files/);
    return true;
  });
});

Deno.test("ask() says denied where the runtime will not have it", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  const cause = new Deno.errors.NotCapable("Requires net access");
  network.onOpen = ({ hostname }) =>
    Promise.reject(hostname === "::" ? new Error("no IPv6") : cause);
  await assert.rejects(
    ask(options(network, {
      host: "name",
      lookup: found("2001:db8::1", "192.0.2.1"),
    })),
    { name: "NetworkError", code: "denied", cause },
  );
});

Deno.test("ask() says denied without permission to use the network", {
  permissions: "none",
}, async () => {
  for (const transport of ["udp", "tcp", "auto"] as const) {
    const network = new FakeNetwork();
    const { open: _, ...rest } = options(network, {
      host: "127.0.0.1",
      transport,
    });
    await assert.rejects(ask(rest), { name: "NetworkError", code: "denied" });
  }
});

Deno.test("ask() passes on that there is no such name", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  await assert.rejects(
    ask(options(network, { host: "nowhere", lookup: found() })),
    { name: "NetworkError", code: "name" },
  );
  assert.deepEqual(network.opened, []);
});

Deno.test("ask() gives up when the time is over", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(BAD);
  assert.equal(await ask(options(network, { timeout: 30 })), undefined);
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() gives up when the time is over and a name still not found", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  const lookup = () => new Promise<never>(() => {});
  assert.equal(
    await ask(options(network, { host: "slow", lookup, timeout: 20 })),
    undefined,
  );
  assert.deepEqual(network.opened, []);
});

Deno.test("ask() counts from the first time that a request went out", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = new FakeNetwork();
  let firstAt = NaN;
  network.onSend = ({ number, reply }) => {
    if (number === 0) firstAt = performance.now();
    else reply(GOOD);
  };
  const arrival = await ask(options(network));
  const [attempt] = arrival?.attempts ?? [];
  assert(attempt && attempt.sentAt <= firstAt);
  assert.equal(network.sent[0]?.bytes, network.sent[1]?.bytes);
});

Deno.test("ask() throws the reason of a signal that has aborted before", {
  permissions: "none",
}, async () => {
  for (const reason of [new Error("mine"), "a word", Symbol("odd")]) {
    const network = new FakeNetwork();
    const error = await ask(options(network, {
      signal: AbortSignal.abort(reason),
      lookup: () => assert.fail("looked up"),
      host: "name",
    })).catch((error) => error);
    assert.equal(error, reason);
    assert.deepEqual(network.opened, []);
  }
});

Deno.test("ask() throws the reason of a signal, whenever it aborts", {
  permissions: "none",
}, async () => {
  const reason = { not: "even an error" };
  const moments: Record<
    string,
    (network: FakeNetwork, abort: () => void) => Partial<AskOptions<Arrival>>
  > = {
    "while a name is looked up": (_, abort) => ({
      host: "name",
      lookup: () => {
        abort();
        return new Promise(() => {});
      },
    }),
    "as a name is found": (_, abort) => ({
      host: "name",
      lookup: () => {
        abort();
        return found("192.0.2.1")();
      },
    }),
    "as a name is not found": (_, abort) => ({
      host: "name",
      lookup: () => {
        abort();
        return Promise.reject(new Error("not found"));
      },
    }),
    "while a socket is opened": (network, abort) => {
      network.onOpen = () => Promise.resolve(abort());
      return { host: "name", lookup: found("2001:db8::1", "192.0.2.1") };
    },
    "as a socket cannot be opened": (network, abort) => {
      network.onOpen = () => {
        abort();
        return Promise.reject(new Error("no"));
      };
      return {};
    },
    "as the first request goes out": (network, abort) => {
      network.onSend = () => abort();
      return {};
    },
    "as nothing can be sent": (network, abort) => {
      network.onSend = () => {
        abort();
        return false;
      };
      return {};
    },
    "between two addresses": (network, abort) => {
      network.onSend = () => queueMicrotask(abort);
      return { host: "name", lookup: found("2001:db8::1", "192.0.2.1") };
    },
    "between two requests": (network, abort) => {
      network.onSend = () => void setTimeout(abort, 5);
      return {};
    },
    "after the last request": (network, abort) => {
      network.onSend = () => void setTimeout(abort, 5);
      return { retries: 1 };
    },
    "while an arrival is judged": (network, abort) => {
      network.onSend = ({ reply }) => reply(BAD);
      return {
        judge: () => {
          abort();
          return Promise.resolve(undefined);
        },
      };
    },
  };
  for (const [when, prepare] of Object.entries(moments)) {
    const network = new FakeNetwork();
    const controller = new AbortController();
    const changes = prepare(network, () => controller.abort(reason));
    const error = await ask(options(network, {
      ...changes,
      signal: controller.signal,
    })).then(() => "no error", (error) => error);
    assert.equal(error, reason, when);
    assert(network.sent.length <= 1, when);
    assert(network.allClosed, when);
  }
});

Deno.test("ask() has no use for a signal that aborts afterwards", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(GOOD);
  const controller = new AbortController();
  const { signal } = controller;
  assert(await ask(options(network, { signal })));
  controller.abort();
  assert.equal(network.sent.length, 1);
});

Deno.test("ask() waits for as long as it is told, however long that is", {
  permissions: "none",
}, async () => {
  for (const timeout of [2 ** 31 - 1, 2 ** 31, 2 ** 53, Infinity]) {
    const network = new FakeNetwork();
    network.onSend = ({ reply }) => void setTimeout(() => reply(GOOD), 20);
    assert(await ask(options(network, { timeout })), `${timeout} ms`);
  }
});

Deno.test("ask() knows no reason where nothing failed and nothing was sent", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  assert.equal(await ask(options(network, { retries: 0 })), undefined);
  assert.deepEqual(network.sent, []);
});
