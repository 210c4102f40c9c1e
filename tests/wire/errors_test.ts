import assert from "node:assert/strict";
import {
  type Exchange,
  NetworkError,
  ServerError,
  VerificationError,
  WireError,
} from "../../lib/wire/errors.ts";
import { explain } from "../../lib/wire/rejection.ts";

const EXCHANGE: Exchange = {
  request: new Uint8Array(1024),
  response: new Uint8Array(416),
  publicKey: new Uint8Array(32),
};

Deno.test({
  name: "VerificationError carries the reason as data and the bytes",
  permissions: "none",
  fn: () => {
    const rejection = { code: "response-signature" } as const;
    const error = new VerificationError(rejection, EXCHANGE);
    assert(error instanceof Error);
    assert.equal(error.name, "VerificationError");
    assert.equal(error.rejection, rejection);
    assert.equal(error.exchange, EXCHANGE);
    assert.equal(
      error.message,
      `Cannot trust response: ${explain(rejection)}`,
    );
  },
});

Deno.test({
  name: "WireError carries its code and message",
  permissions: "none",
  fn: () => {
    const error = new WireError("nonce", "Cannot use nonce");
    assert(error instanceof Error);
    assert.equal(error.name, "WireError");
    assert.equal(error.code, "nonce");
    assert.equal(error.message, "Cannot use nonce");
  },
});

Deno.test({
  name: "NetworkError carries its code and what caused it",
  permissions: "none",
  fn: () => {
    const cause = new Error("no such name");
    const error = new NetworkError("name", "Cannot find host", { cause });
    assert(error instanceof Error);
    assert.equal(error.name, "NetworkError");
    assert.equal(error.code, "name");
    assert.equal(error.cause, cause);
    assert(!("cause" in new NetworkError("denied", "Cannot send")));
  },
});

Deno.test({
  name: "ServerError carries its code and what caused it",
  permissions: "none",
  fn: () => {
    const cause = new Error("address in use");
    const error = new ServerError("bind", "Cannot listen", { cause });
    assert(error instanceof Error);
    assert.equal(error.name, "ServerError");
    assert.equal(error.code, "bind");
    assert.equal(error.cause, cause);
    assert(!("cause" in new ServerError("config", "Cannot start")));
  },
});

Deno.test({
  name: "the error classes are told apart by instanceof and in a stack",
  permissions: "none",
  fn: () => {
    const errors = [
      new VerificationError({ code: "merkle-root" }, EXCHANGE),
      new WireError("size", "Cannot build"),
      new NetworkError("unreachable", "Cannot send"),
      new ServerError("key", "Cannot sign"),
    ];
    const classes = [VerificationError, WireError, NetworkError, ServerError];
    errors.forEach((error, i) => {
      classes.forEach((kind, j) =>
        assert.equal(error instanceof kind, i === j)
      );
      assert(Deno.inspect(error).includes(error.message));
      assert(`${error}`.startsWith(`${error.name}: `));
    });
  },
});
