import assert from "node:assert/strict";
import { clientOf } from "../../lib/watch/client_of.ts";

Deno.test(
  "clientOf() believes a proxy on this machine, and its last word alone",
  {
    permissions: "none",
  },
  () => {
    const said = (text: string) => new Headers({ "x-forwarded-for": text });
    assert.equal(clientOf(new Headers(), "192.0.2.1"), "192.0.2.1");
    assert.equal(clientOf(said("198.51.100.1"), "192.0.2.1"), "192.0.2.1");
    assert.equal(clientOf(new Headers(), "127.0.0.1"), "127.0.0.1");
    assert.equal(
      clientOf(said("203.0.113.9, 198.51.100.1"), "127.0.0.1"),
      "198.51.100.1",
    );
    assert.equal(clientOf(said("2001:DB8::1"), "::1"), "2001:db8::1");
    assert.equal(clientOf(said("nonsense"), "127.0.0.1"), "127.0.0.1");
  },
);
