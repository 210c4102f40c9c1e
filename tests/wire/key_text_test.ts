import assert from "node:assert/strict";
import { base64, base64url, hex } from "@scure/base";
import fc from "fast-check";
import { WireError } from "../../lib/wire/errors.ts";
import { formatKey, parseKey } from "../../lib/wire/key_text.ts";

/** All of base64's odd characters are in this one: `+`, `/` and `=`. */
const KEY = hex.decode(
  "fbeffefbeffefbeffefbeffefbeffefbeffefbeffefbeffefbeffefbeffefbff",
);

function refused(text: string): WireError {
  let thrown: unknown;
  try {
    parseKey(text);
  } catch (error) {
    thrown = error;
  }
  assert(thrown instanceof WireError, JSON.stringify(text));
  assert.equal(thrown.code, "key");
  return thrown;
}

Deno.test({
  name: "parseKey() reads base64, base64url and hex, padded or not",
  permissions: "none",
  fn: () => {
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(fc.property(fc.oneof(key, fc.constant(KEY)), (bytes) => {
      for (
        const text of [
          base64.encode(bytes),
          base64.encode(bytes).replace("=", ""),
          base64url.encode(bytes),
          base64url.encode(bytes).replace("=", ""),
          hex.encode(bytes),
          hex.encode(bytes).toUpperCase(),
        ]
      ) assert.deepEqual(Uint8Array.from(parseKey(text)), bytes, text);
    }));
  },
});

Deno.test({
  name: "parseKey() ignores white space around, as copying leaves it",
  permissions: "none",
  fn: () => {
    const text = base64.encode(KEY);
    assert.deepEqual(Uint8Array.from(parseKey(` \t${text}\r\n`)), KEY);
    refused(`${text.slice(0, 20)} ${text.slice(20)}`);
    refused(`${text.slice(0, 20)}\n${text.slice(20)}`);
  },
});

Deno.test({
  name: "parseKey() refuses every other length and says which it is",
  permissions: "none",
  fn: () => {
    for (const length of [1, 16, 31, 33, 48, 64]) {
      const bytes = new Uint8Array(length).fill(0xab);
      assert.match(refused(base64.encode(bytes)).message, /key/);
      refused(hex.encode(bytes));
    }
    assert.match(
      refused(base64.encode(new Uint8Array(33))).message,
      /33 bytes instead of 32/,
    );
    refused("");
    refused("   ");
    refused("=");
  },
});

Deno.test({
  name: "parseKey() refuses what is not exactly one alphabet",
  permissions: "none",
  fn: () => {
    const text = base64.encode(KEY);
    assert(text.includes("+") && text.includes("/"));
    refused(text.replace("+", "-"));
    refused(text.replace("/", "_"));
    refused(`${text}=`);
    refused(`=${text}`);
    refused(text.replace("+", "*"));
    refused(text.replace("+", "é"));
    refused(`0x${hex.encode(KEY)}`);
    refused(hex.encode(KEY).replace("f", "g"));
  },
});

Deno.test({
  name:
    "parseKey() refuses bits after the last byte, so a key has one spelling",
  permissions: "none",
  fn: () => {
    const text = base64.encode(new Uint8Array(32));
    assert(text.endsWith("A="));
    refused(text.replace("A=", "B="));
    refused(text.replace("A=", "B"));
  },
});

Deno.test({
  name: "parseKey() never repeats the text, which may be a secret",
  permissions: "none",
  fn: () => {
    const text = fc.oneof(
      fc.string({ minLength: 8 }),
      fc.base64String({ minLength: 8 }),
      fc.string({ minLength: 8, unit: fc.constantFrom(..."0123456789abcdef") }),
    );
    fc.assert(fc.property(text, (given) => {
      try {
        parseKey(given);
      } catch (error) {
        assert(error instanceof WireError);
        assert(!error.message.includes(given));
        assert.equal(error.cause, undefined);
      }
    }));
  },
});

Deno.test({
  name: "formatKey() writes padded base64 that parseKey() reads",
  permissions: "none",
  fn: () => {
    const text = "AW5uAoTSTDfG5NfY1bTh08GUnOqlRb+HVhbJ3ODJvsE=";
    assert.equal(formatKey(parseKey(text)), text);
    assert.equal(formatKey(KEY), base64.encode(KEY));
  },
});
