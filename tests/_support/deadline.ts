/**
 * Loaded before the tests: none of them waits for ever. One that does fails under its name and
 * the others go on.
 *
 * @module
 */

/** Far more than any takes, also on a machine with other things to do. */
const DEADLINE_MS = 240_000;

// As they are before a test puts clocks of its own in their place.
const { setTimeout, clearTimeout } = globalThis;
const register = Deno.test;

type Run = Deno.TestDefinition["fn"];

function bounded(fn: Run): Run {
  return async (context) => {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`no end within ${DEADLINE_MS / 1000} s`));
    }, DEADLINE_MS);
    try {
      await Promise.race([fn(context), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Any of the forms that `Deno.test()` takes, with the function in it bounded. */
function test(...words: readonly unknown[]): void {
  const bound = words.map((word) => {
    if (typeof word === "function") return bounded(word as Run);
    if (typeof word !== "object" || word === null) return word;
    if (!("fn" in word)) return word;
    return { ...word, fn: bounded(word.fn as Run) };
  });
  Reflect.apply(register, undefined, bound);
}

Object.assign(Deno, { test: Object.assign(test, register) });
