/**
 * The platform's cryptography, where there is one beside `crypto.subtle`.
 *
 * @module
 */

/** The few functions of `node:crypto` that are used, where the runtime has them. */
export interface NodeCrypto {
  createHash(name: string): {
    update(bytes: Uint8Array): { digest(): Uint8Array };
    digest(): Uint8Array;
  };
  createPublicKey(key: unknown): {
    export(form: { format: "der"; type: "spki" }): Uint8Array;
  };
  createPrivateKey(key: unknown): unknown;
  sign(algorithm: null, message: Uint8Array, key: unknown): Uint8Array;
  verify(
    algorithm: null,
    message: Uint8Array,
    key: unknown,
    signature: Uint8Array,
  ): boolean;
}

/** Present in Deno, Node and Bun; a browser bundle gets `undefined` and no import of `node:`. */
export const nodeCrypto: NodeCrypto | undefined = (globalThis as {
  process?: { getBuiltinModule?(name: string): NodeCrypto | undefined };
}).process?.getBuiltinModule?.("node:crypto");
