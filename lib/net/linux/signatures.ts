/**
 * The functions of the C library that are called, and what they take and give. Numbers that go
 * with them stand where they are used.
 *
 * @module
 */

// Pointers are made once: they are what a fast call takes quickest, and numbers for 64-bit
// parameters what it takes slowest. Results of read and write are 64 bits wide; of what is
// read here, eight bytes or -1, the lower half is the whole.

/** Functions by name, as the runtime wants them described. */
export const SIGNATURES = {
  // <errno.h>, <string.h>, <stdlib.h>, <net/if.h>, <unistd.h>
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
  calloc: { parameters: ["usize", "usize"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  close: { parameters: ["i32"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  // <sys/timex.h>
  adjtimex: { parameters: ["buffer"], result: "i32" },
  // <time.h>
  clock_getcpuclockid: { parameters: ["i32", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  clock_settime: { parameters: ["i32", "buffer"], result: "i32" },
  // <sys/resource.h>
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  // <sys/eventfd.h>
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // <poll.h>
  poll: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  pollAside: {
    name: "poll",
    parameters: ["pointer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  ppoll: {
    parameters: ["pointer", "usize", "pointer", "pointer"],
    result: "i32",
  },
  // <sys/socket.h>
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  recvmsg: { parameters: ["i32", "pointer", "i32"], result: "i32" },
  recvmmsg: {
    parameters: ["i32", "pointer", "u32", "i32", "pointer"],
    result: "i32",
  },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "i32",
  },
  sendmmsg: { parameters: ["i32", "pointer", "u32", "i32"], result: "i32" },
} as const;
