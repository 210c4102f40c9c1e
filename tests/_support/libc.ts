/**
 * Tests that call into the C library, with no more permissions than that takes.
 *
 * @module
 */

/** Why the C library cannot be asked, if so. */
export const MISSING: string | undefined = Deno.build.os !== "linux"
  ? "not Linux"
  : (await Deno.permissions.query({ name: "ffi" })).state !== "granted"
  ? "no --allow-ffi"
  : undefined;

/** A test that is skipped, and says why, where there is no C library to call. */
export function withLibc(name: string, fn: () => void): void {
  Deno.test({
    name: MISSING === undefined ? name : `${name} (skipped: ${MISSING})`,
    ignore: MISSING !== undefined,
    permissions: { ffi: true, net: ["127.0.0.1"] },
    fn,
  });
}
