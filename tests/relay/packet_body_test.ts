import assert from "node:assert/strict";
import { readPacket } from "../../lib/relay/packet_body.ts";
import { buildRequest } from "../../lib/wire/request.ts";

const none = { permissions: "none" } as const;

function packet(size = 1024): Uint8Array<ArrayBuffer> {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  return buildRequest({ versions: [1], nonce, size });
}

const posted = (body: BodyInit) =>
  new Request("http://relay.example/", { method: "POST", body });

Deno.test(
  "a packet is read as it is, of every length that is allowed",
  none,
  async () => {
    for (const size of [1024, 1472]) {
      const bytes = packet(size);
      assert.deepEqual(await readPacket(posted(bytes)), bytes);
    }
  },
);

Deno.test(
  "what is no packet is refused, before there is much of it",
  none,
  async () => {
    const cases: [BodyInit, string][] = [
      ["", "short"],
      ["x", "short"],
      [packet().subarray(0, 1023), "short"],
      [packet(1476), "long"],
      [new Uint8Array(10_000_000), "long"],
      [new Uint8Array(1024), "request"],
      ["A".repeat(1100), "request"],
    ];
    for (const [body, code] of cases) {
      const answer = await readPacket(posted(body));
      assert("code" in answer && answer.code === code, code);
    }
  },
);

Deno.test(
  "a body without end is left as soon as it is too long",
  none,
  async () => {
    let pulled = 0;
    let cancelled = false;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(1000));
      },
      cancel: () => void (cancelled = true),
    });
    const answer = await readPacket({ body, headers: new Headers() });
    assert("code" in answer && answer.code === "long");
    assert(cancelled && pulled < 5);
  },
);

Deno.test("a body that does not come is not waited for", none, async () => {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: () => new Promise(() => {}),
  });
  const answer = await readPacket({ body, headers: new Headers() }, 1);
  assert("code" in answer && answer.code === "slow");
});
