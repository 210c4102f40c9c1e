import assert from "node:assert/strict";
import { EventStream, MAX_LISTENERS } from "../../lib/watch/event_stream.ts";

const none = { permissions: "none" } as const;

/** A heartbeat that beats when told. */
function heart() {
  let beat: (() => void) | undefined;
  return {
    every: (_ms: number, action: () => void) => {
      beat = action;
      return () => void (beat = undefined);
    },
    beat: () => beat?.(),
    get isBeating() {
      return beat !== undefined;
    },
  };
}

async function next(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

Deno.test(
  "who comes is told at once, and everybody of each round",
  none,
  async () => {
    const { every, beat } = heart();
    const events = new EventStream(every);
    const readers = Array.from(
      { length: 100 },
      () => events.open({ round: 1 })?.getReader(),
    );
    events.send({ round: 2 });
    beat();
    for (const reader of readers) {
      assert(reader);
      assert.equal(
        await next(reader),
        'retry: 5000\nevent: round\ndata: {"round":1}\n\n',
      );
      assert.equal(await next(reader), 'event: round\ndata: {"round":2}\n\n');
      assert.equal(await next(reader), ":\n\n");
    }
    assert.equal(events.size, 100);
    events.close();
    assert.equal(events.size, 0);
    assert((await readers[0]?.read())?.done);
  },
);

Deno.test(
  "who does not read is let go, who leaves is forgotten, and the rest go on",
  none,
  async () => {
    const pulse = heart();
    const events = new EventStream(pulse.every);
    events.open(0);
    const leaving = events.open(0);
    const reader = events.open(0)?.getReader();
    assert(reader && leaving && pulse.isBeating);
    await leaving.cancel();
    assert.equal(events.size, 2);
    await next(reader);
    for (let round = 1; round < 10; round++) {
      events.send({ round });
      assert.match(await next(reader), new RegExp(`"round":${round}`));
    }
    assert.equal(events.size, 1);
    await reader.cancel();
    assert(!pulse.isBeating);
  },
);

Deno.test("there is an end to how many listen", none, () => {
  const events = new EventStream(heart().every);
  for (let i = 0; i < MAX_LISTENERS; i++) assert(events.open(0));
  assert.equal(events.open(0), undefined);
  events.close();
});
