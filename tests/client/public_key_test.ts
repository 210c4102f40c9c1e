import assert from "node:assert/strict";
import { keyBytes, verifiableKeyBytes } from "../../lib/client/public_key.ts";
import {
  sendRequest,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../../lib/client/send_request.ts";
import { WireError } from "../../lib/wire/errors.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import { PUBLIC_KEY } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

/** Points of small order, and what is no point. */
const UNUSABLE: Readonly<Record<string, Uint8Array>> = {
  zeros: new Uint8Array(32),
  one: Uint8Array.from({ length: 32 }, (_, i) => i === 0 ? 1 : 0),
  ones: new Uint8Array(32).fill(0xff),
};

const isKeyError = (message: RegExp) => (error: unknown) =>
  error instanceof WireError && error.code === "key" &&
  message.test(error.message);

Deno.test("keys are taken as bytes and as text", none, () => {
  for (const read of [keyBytes, verifiableKeyBytes]) {
    assert.deepEqual(read(PUBLIC_KEY), PUBLIC_KEY);
    assert.deepEqual(read(formatKey(PUBLIC_KEY)), PUBLIC_KEY);
    const short = isKeyError(/31 bytes instead of 32$/);
    assert.throws(() => read(PUBLIC_KEY.subarray(1)), short);
    assert.throws(() => read("?"), isKeyError(/neither base64 nor hex$/));
  }
});

for (const [name, key] of Object.entries(UNUSABLE)) {
  Deno.test(
    `a key under which nothing can be valid is refused before it is asked for: ${name}`,
    none,
    async () => {
      const server = { host: "127.0.0.1", port: 2002, publicKey: key };
      const open = () => Promise.reject(new Error("asked"));
      await assert.rejects(
        sendRequest({ ...server, open }),
        isKeyError(
          /^Cannot use public key: no signature can be valid under it$/,
        ),
      );
      // Whoever believes anything may name any key.
      await assert.rejects(
        veryDangerouslySendRequestAndDoNotVerify({
          ...server,
          open,
          transport: "udp",
        }),
        /asked/,
      );
    },
  );
}
