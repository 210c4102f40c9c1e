/** What the client offers, and what it keeps of answers, without a network. */

import assert from "node:assert/strict";
import {
  sendRequest,
  type SendRequestOptions,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../../lib/client/send_request.ts";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import type { Datagram, DatagramSocket } from "../../lib/net/datagram.ts";
import { AddressPeer } from "../../lib/net/peer.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { bytes, PUBLIC_KEY } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

/** Opens sockets where each request gets this reply, if any. */
function answering(reply?: Uint8Array) {
  const sent: Uint8Array[] = [];
  const open = (): Promise<DatagramSocket> => {
    const ready: Datagram[] = [];
    let closed = false;
    let wake = () => {};
    const close = () => {
      closed = true;
      wake();
    };
    return Promise.resolve({
      transport: "udp",
      address: { hostname: "192.0.2.9", port: 1 },
      peer: (hostname, port) => new AddressPeer(hostname, port),
      receive: async () => {
        while (!closed && ready.length === 0) {
          await new Promise<void>((resolve) => wake = resolve);
        }
        return closed ? [] : ready.splice(0);
      },
      send: (batch) => {
        for (const { bytes, peer } of batch) {
          sent.push(bytes);
          if (reply) ready.push({ bytes: reply, peer });
        }
        wake();
        return Promise.resolve(batch.length);
      },
      close,
      stop: close,
    });
  };
  return { sent, open };
}

function query(changes: Partial<SendRequestOptions>): SendRequestOptions {
  return {
    host: "192.0.2.1",
    port: 2002,
    publicKey: PUBLIC_KEY,
    transport: "udp",
    timeout: 50,
    ...changes,
  };
}

Deno.test(
  "an offer that does not fit the size asked for is left out, if it is not the first",
  none,
  async () => {
    const [one] = [DIALECTS["draft-11"].code];
    const versions = [one];
    const nonce = bytes(32, 1);
    const size = (() => {
      for (let size = 4;; size += 4) {
        try {
          return buildRequest({ versions, nonce, publicKey: PUBLIC_KEY, size })
            .length;
        } catch {
          // Too small.
        }
      }
    })();
    const { sent, open } = answering();
    await assert.rejects(
      sendRequest(query({ versions, size, open, retries: 1 })),
      {
        name: "TimeoutError",
      },
    );
    assert.equal(sent.length, 1);
    assert.equal(sent[0]?.length, size);
    await assert.rejects(
      sendRequest(query({ versions, size: size - 4, open })),
      { name: "WireError", code: "size" },
    );
  },
);

Deno.test(
  "what fails in making a fallback, but its size, is thrown",
  none,
  async () => {
    const { sent, open } = answering();
    const { getRandomValues } = crypto;
    const reason = new Error("no randomness");
    let calls = 0;
    try {
      crypto.getRandomValues = ((array: Uint8Array<ArrayBuffer>) => {
        if (++calls > 1) throw reason;
        return getRandomValues.call(crypto, array);
      }) as typeof getRandomValues;
      await assert.rejects(
        sendRequest(query({ open })),
        (error) => error === reason,
      );
    } finally {
      crypto.getRandomValues = getRandomValues;
    }
    assert.equal(calls, 2);
    assert.deepEqual(sent, []);
  },
);

Deno.test(
  "evidence has a key of 32 bytes, also where none was given",
  none,
  async () => {
    const response = bytes(100, 3);
    const { sent, open } = answering(response);
    for (const publicKey of [undefined, PUBLIC_KEY]) {
      await assert.rejects(
        veryDangerouslySendRequestAndDoNotVerify(
          query({ open, retries: 1, publicKey: publicKey as Uint8Array }),
        ),
        (error) => {
          assert(error instanceof VerificationError);
          assert.deepEqual(
            error.exchange.publicKey,
            publicKey ?? new Uint8Array(32),
          );
          assert.deepEqual(error.exchange.response, response);
          assert.deepEqual(error.exchange.request, sent.at(-1));
          return true;
        },
      );
    }
  },
);
