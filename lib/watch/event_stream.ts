/**
 * Server-sent events: everybody who listens is told the same, and who does not keep up is
 * let go.
 *
 * @module
 */

/** Most who listen at one time. */
export const MAX_LISTENERS = 256;

/** Messages that may wait for a listener; a page that is so far behind loads anew. */
const MAX_WAITING = 4;

/** Proxies close what is silent for longer. */
const HEARTBEAT_MS = 20_000;

/** How soon a page comes back that has lost its connection, in milliseconds. */
const RETRY_MS = 5_000;

type Controller = ReadableStreamDefaultController<Uint8Array>;

/** Those who listen. */
export class EventStream {
  readonly #listeners = new Set<Controller>();
  readonly #heartbeat: () => () => void;
  #stopHeartbeat: (() => void) | undefined;

  /**
   * Nobody listens yet.
   *
   * @param every Repeats an action, and gives what ends that; for tests.
   */
  constructor(
    every: (ms: number, action: () => void) => () => void = repeat,
  ) {
    this.#heartbeat = () => every(HEARTBEAT_MS, () => this.#write(":\n\n"));
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners.size;
  }

  /**
   * Lets somebody listen.
   *
   * @param first What it is told at once.
   * @returns Nothing if there are too many.
   */
  open(first: unknown): ReadableStream<Uint8Array> | undefined {
    if (this.#listeners.size >= MAX_LISTENERS) return undefined;
    let own: Controller;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#listeners.add(own);
        this.#stopHeartbeat ??= this.#heartbeat();
        own.enqueue(encode(`retry: ${RETRY_MS}\n${message(first)}`));
      },
      cancel: () => this.#leave(own),
    }, { highWaterMark: MAX_WAITING });
  }

  /** Tells everybody. */
  send(state: unknown): void {
    if (this.size > 0) this.#write(message(state));
  }

  /** Lets everybody go. */
  close(): void {
    for (const listener of [...this.#listeners]) this.#end(listener);
  }

  #write(text: string): void {
    const bytes = encode(text);
    for (const listener of [...this.#listeners]) {
      if ((listener.desiredSize ?? 0) <= 0) this.#end(listener);
      else listener.enqueue(bytes);
    }
  }

  #end(listener: Controller): void {
    this.#leave(listener);
    try {
      listener.close();
    } catch {
      // It has gone by itself.
    }
  }

  #leave(listener: Controller): void {
    this.#listeners.delete(listener);
    if (this.size > 0) return;
    this.#stopHeartbeat?.();
    this.#stopHeartbeat = undefined;
  }
}

/** JSON has no line feeds of its own, so one line will do. */
function message(state: unknown): string {
  return `event: round\ndata: ${JSON.stringify(state)}\n\n`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function repeat(ms: number, action: () => void): () => void {
  const timer = setInterval(action, ms);
  return () => clearInterval(timer);
}
