/**
 * Waits for any number of descriptors without blocking the isolate's thread. All of an
 * isolate's waits share one call at a time: each call takes up one of the runtime's threads
 * for blocking work, of which there are 32, and files and names need them too.
 *
 * The call writes into memory, and a terminated isolate does not wait for it. So that memory
 * is the C library's, which the end of an isolate does not free, and the call returns twice
 * a second: then it lets go of the files, and the thread is free. What such an end leaves
 * behind is this memory, 8 bytes for each descriptor.
 *
 * @module
 */

import { type IsolateFile, tieToIsolate } from "./isolate_file.ts";
import { needLibc, wakeSocket } from "./calls.ts";
import type { Libc } from "./libc.ts";

// <bits/poll.h>
const POLLIN = 1;
// <bits/eventfd.h>
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

/** struct pollfd is an int and two shorts, the second of which says what happened. */
const POLLFD_BYTES = 8;
const POLLFD_WORDS = POLLFD_BYTES / 4;

/** The longest that a call may go on which nobody may be waiting for any more. */
const LONGEST_CALL_MS = 500;

const FUNCTIONS = [
  "calloc",
  "free",
  "pollAside",
  "eventfd",
  "read",
  "write",
  "close",
  "dup3",
  "getsockname",
  "getsockopt",
] as const;

interface Waiter {
  readonly fds: readonly number[];
  readonly resolve: (happened: readonly number[]) => void;
}

let shared: Poller | undefined;

/**
 * The poller of this isolate, to be released.
 *
 * @param where See {@linkcode tieToIsolate}.
 */
export function acquirePoller(
  where: { readonly hostname: string; readonly port: number },
): Poller {
  shared ??= new Poller(where, () => shared = undefined);
  shared.use();
  return shared;
}

/** One call for all who wait. */
export class Poller {
  readonly #library: Libc<typeof FUNCTIONS[number]>;
  readonly #waker: IsolateFile;
  readonly #gone: () => void;
  readonly #waiters = new Set<Waiter>();
  #pointer: Deno.PointerValue = null;
  #words = new Uint32Array(0);
  #users = 0;
  #isPolling = false;
  /** Those who were told something since the last call, and will soon wait again. */
  #away = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Opens what waking takes.
   *
   * @param where See {@linkcode tieToIsolate}.
   * @param gone Told when it has closed.
   */
  constructor(
    where: { readonly hostname: string; readonly port: number },
    gone: () => void,
  ) {
    const library = needLibc(...FUNCTIONS);
    const { symbols } = library;
    const fd = symbols.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
      library.close();
      throw new Error("No more files can be opened");
    }
    const tied = tieToIsolate(symbols, fd, where);
    if (tied) symbols.close(fd);
    this.#waker = tied ?? { fd, close: () => void symbols.close(fd) };
    this.#library = library;
    this.#gone = gone;
  }

  /** Takes one more user. */
  use(): void {
    this.#users++;
  }

  /** Has one user less, who may not be waiting. The last one closes it. */
  release(): void {
    if (--this.#users > 0) return;
    this.#gone();
    if (this.#isPolling) this.#wake();
    else this.#close();
  }

  /**
   * Waits until something happens to one of some descriptors.
   *
   * @param fds Their numbers. They have to stay open meanwhile.
   * @param timeoutMs Longest wait, -1 for ever.
   * @returns For each what happened, as in `<poll.h>`; all 0 when time ran out.
   */
  wait(fds: readonly number[], timeoutMs = -1): Promise<readonly number[]> {
    const { promise, resolve } = Promise.withResolvers<readonly number[]>();
    const waiter = { fds, resolve };
    this.#waiters.add(waiter);
    if (timeoutMs >= 0) this.#limit(waiter, timeoutMs, promise);
    if (this.#isPolling) this.#wake();
    else if (--this.#away <= 0) this.#poll();
    else this.#pollSoon();
    return promise;
  }

  #limit(waiter: Waiter, timeoutMs: number, done: Promise<unknown>): void {
    const timer = setTimeout(() => {
      this.#waiters.delete(waiter);
      waiter.resolve(waiter.fds.map(() => 0));
    }, timeoutMs);
    void done.then(() => clearTimeout(timer));
  }

  /** Gives those who are away a moment to come back: one call for all is cheaper. */
  #pollSoon(): void {
    this.#timer ??= setTimeout(() => this.#poll(), 0);
  }

  #poll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#away = 0;
    const waiters = [...this.#waiters];
    const fds = [this.#waker.fd, ...waiters.flatMap((one) => one.fds)];
    this.#reserve(fds.length);
    fds.forEach((fd, i) => this.#words.set([fd, POLLIN], i * POLLFD_WORDS));
    this.#isPolling = true;
    void this.#library.symbols.pollAside(
      this.#pointer,
      BigInt(fds.length),
      LONGEST_CALL_MS,
    ).then((count) => {
      this.#isPolling = false;
      this.#tell(waiters, count);
    });
  }

  #tell(waiters: readonly Waiter[], count: number): void {
    if (count > 0) {
      let next = 0;
      if (this.#happened(next++) !== 0) this.#drain();
      for (const waiter of waiters) {
        const happened = waiter.fds.map(() => this.#happened(next++));
        if (happened.every((one) => one === 0)) continue;
        if (!this.#waiters.delete(waiter)) continue;
        this.#away++;
        waiter.resolve(happened);
      }
    }
    if (this.#users === 0) this.#close();
    else if (this.#waiters.size === 0) return;
    // A call that fails does so at once, and must not keep the thread busy.
    else if (this.#away > 0 || count < 0) this.#pollSoon();
    else this.#poll();
  }

  #happened(i: number): number {
    return (this.#words[i * POLLFD_WORDS + 1] as number) >>> 16;
  }

  /** Makes room for so many, while no call is under way. */
  #reserve(count: number): void {
    if (count * POLLFD_WORDS <= this.#words.length) return;
    const { symbols } = this.#library;
    const room = 2 * count;
    const pointer = symbols.calloc(BigInt(room), BigInt(POLLFD_BYTES));
    if (pointer === null) throw new RangeError("No memory");
    symbols.free(this.#pointer);
    this.#pointer = pointer;
    this.#words = new Uint32Array(
      Deno.UnsafePointerView.getArrayBuffer(pointer, room * POLLFD_BYTES),
    );
  }

  #wake(): void {
    wakeSocket(this.#library.symbols, this.#waker.fd);
  }

  #drain(): void {
    this.#library.symbols.read(this.#waker.fd, new Uint8Array(8), 8n);
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#words = new Uint32Array(0);
    this.#library.symbols.free(this.#pointer);
    this.#waker.close();
    this.#library.close();
  }
}
