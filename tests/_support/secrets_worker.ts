/**
 * A thread without native cryptography, where a signer holds its seed until it is
 * destroyed. Reports, for each way to use a delegation's seed, which copies of it are left.
 */

const scope = globalThis as unknown as {
  process: { getBuiltinModule?: unknown };
  postMessage(copies: unknown): void;
};
scope.process.getBuiltinModule = undefined;

const { createSigner } = await import("../../lib/crypto/ed25519.ts");
const { createDelegation, parseDelegation } = await import(
  "../../lib/server/delegation.ts"
);

const SEED = Uint8Array.from({ length: 32 }, (_, i) => 200 - i);
const longTerm = createSigner(new Uint8Array(32).fill(9));

/** How many arrays with the seed were copied or made meanwhile, and how many still have it. */
async function copiesDuring(
  action: () => Promise<unknown>,
): Promise<{ made: number; left: number }> {
  const seen = new Set<Uint8Array>();
  const isSeed = (array: Uint8Array) =>
    array.length === SEED.length && array.every((byte, i) => byte === SEED[i]);
  const { slice } = Uint8Array.prototype;
  Uint8Array.prototype.slice = function (...range) {
    const copy = slice.apply(this, range);
    for (const one of [this, copy]) if (isSeed(one)) seen.add(one);
    return copy;
  };
  const given = slice.call(SEED);
  try {
    await action();
  } finally {
    Uint8Array.prototype.slice = slice;
  }
  seen.delete(given);
  seen.delete(SEED);
  return { made: seen.size, left: [...seen].filter(isSeed).length };
}

const window = { notBeforeMicros: 0n, notAfterMicros: 10n ** 15n };
const text = await createDelegation({ longTerm, onlineSeed: SEED, ...window });
const json = JSON.parse(text);
const spoilt = JSON.stringify({ ...json, certificates: {} });

const parse = async (file: string, exportable: boolean, isGood: boolean) => {
  const result = await parseDelegation(file, { exportable });
  if (result.ok !== isGood) throw new Error("unexpected");
};

scope.postMessage({
  create: await copiesDuring(() =>
    createDelegation({ longTerm, onlineSeed: SEED, ...window })
  ),
  refuse: await copiesDuring(() => parse(spoilt, false, false)),
  refuseExportable: await copiesDuring(() => parse(spoilt, true, false)),
  // One copy is the signer's own, another is for other threads.
  parse: await copiesDuring(() => parse(text, false, true)),
  parseExportable: await copiesDuring(() => parse(text, true, true)),
});
