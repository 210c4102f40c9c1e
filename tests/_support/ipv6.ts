/**
 * Whether tests may use IPv6.
 *
 * @module
 */

/** Is there an IPv6 loopback here? */
export function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
