import assert from "node:assert/strict";
import { tieToIsolate } from "../../../lib/net/linux/isolate_file.ts";
import { libcSocketProblem, needLibc } from "../../../lib/net/linux/calls.ts";
import type { Calls } from "../../../lib/net/linux/libc.ts";

const MISSING = libcSocketProblem();
const FUNCTIONS = [
  "close",
  "dup3",
  "eventfd",
  "getsockname",
  "getsockopt",
  "read",
] as const;

function test(
  name: string,
  fn: (calls: Calls<typeof FUNCTIONS[number]>) => void,
): void {
  Deno.test({
    name: MISSING === undefined ? name : `${name} (skipped: ${MISSING})`,
    ignore: MISSING !== undefined,
    fn: () => {
      const library = needLibc(...FUNCTIONS);
      try {
        fn(library.symbols);
      } finally {
        library.close();
      }
    },
  });
}

/** Reads an eventfd: its number, or `undefined` where there is none. */
function read(
  calls: Calls<typeof FUNCTIONS[number]>,
  fd: number,
): bigint | undefined {
  const value = new BigUint64Array(1);
  const bytes = new Uint8Array(value.buffer);
  return calls.read(fd, bytes, 8n) === 8 ? value[0] : undefined;
}

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
const NONBLOCK = 0o4000; // <bits/eventfd.h>

test("tieToIsolate() gives the same file under a number of the runtime's", (calls) => {
  const fd = calls.eventfd(7, NONBLOCK);
  const tied = tieToIsolate(calls, fd, LOOPBACK);
  assert(tied && tied.fd !== fd);
  calls.close(fd);
  assert.equal(read(calls, tied.fd), 7n);
  // The runtime knows it: the sanitizer would report it, were it not closed here.
  tied.close();
  assert.equal(read(calls, tied.fd), undefined);
});

test("tieToIsolate() gives nothing where it may not listen", (calls) => {
  const fd = calls.eventfd(7, NONBLOCK);
  for (
    const where of [
      { hostname: "192.0.2.1", port: 0 },
      { hostname: "2001:db8::1%nowhere", port: 9 },
    ]
  ) assert.equal(tieToIsolate(calls, fd, where), undefined);
  assert.equal(tieToIsolate(calls, -1, LOOPBACK), undefined);
  assert.equal(read(calls, fd), 7n);
  calls.close(fd);
});
