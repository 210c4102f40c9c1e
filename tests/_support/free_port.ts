/**
 * A port to name.
 *
 * @module
 */

/** Below those that the system hands out: none of another test's connections gets it. */
const FIRST = 20_000;
const COUNT = 10_000;

/** A port that nobody has, for UDP and TCP. */
export function freePort(hostname = "127.0.0.1"): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    try {
      Deno.listen({ hostname, port }).close();
      Deno.listenDatagram({ transport: "udp", hostname, port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
