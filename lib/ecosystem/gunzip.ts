/**
 * Reading what may have been compressed: stamps and reports are often kept as gzip.
 *
 * @module
 */

/** What gzip begins with (RFC 1952, section 2.3.1). */
const MAGIC = [0x1f, 0x8b] as const;

/**
 * Compressed bytes taken at once. Each can become a thousand, all of which are there before
 * the reader gets to say that it is too much.
 */
const SLICE_BYTES = 4096;

/** What began as gzip could not be unpacked. */
export class BrokenGzipError extends Error {
  /** Always `BrokenGzipError`. */
  override readonly name = "BrokenGzipError";
}

/**
 * Gives chunks as they are, or what was compressed in them if they begin as gzip does. How
 * much that becomes is for the reader to bound: nothing is unpacked that is not asked for.
 *
 * @param chunks What comes from a file or the network.
 * @throws {BrokenGzipError} If it begins like gzip and is not, or not all of it.
 */
export async function* gunzipped(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const incoming = chunks[Symbol.asyncIterator]();
  try {
    const held: Uint8Array[] = [];
    let length = 0;
    while (length < MAGIC.length) {
      const { done, value } = await incoming.next();
      if (done) break;
      held.push(value);
      length += value.length;
    }
    const all = rest(held, incoming);
    if (beginsAsGzip(held)) yield* unpacked(all);
    else yield* all;
  } finally {
    await incoming.return?.();
  }
}

function beginsAsGzip(held: readonly Uint8Array[]): boolean {
  const first = held.flatMap((chunk) => [...chunk.subarray(0, MAGIC.length)]);
  return MAGIC.every((byte, i) => first[i] === byte);
}

async function* rest(
  held: readonly Uint8Array[],
  incoming: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* held;
  for (
    let next = await incoming.next();
    !next.done;
    next = await incoming.next()
  ) yield next.value;
}

async function* unpacked(
  packed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const slices = sliced(packed);
  let failure: { readonly error: unknown } | undefined;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await slices.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        failure = { error };
        controller.error(error);
      }
    },
  }, { highWaterMark: 0 });
  const reader = source.pipeThrough(new DecompressionStream("gzip"))
    .getReader();
  try {
    while (true) {
      const { done, value } = await reader.read().catch((cause) => {
        if (failure) throw failure.error;
        throw new BrokenGzipError("Cannot unpack gzip", { cause });
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Does nothing to a stream that has ended, and fails on one that has failed.
    await reader.cancel().catch(() => {});
  }
}

async function* sliced(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      yield Uint8Array.from(chunk.subarray(at, at + SLICE_BYTES));
    }
  }
}
