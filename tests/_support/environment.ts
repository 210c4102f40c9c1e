/**
 * An environment of a test's own: files of tests run at once in one process, whose true
 * environment they share with each other and with every program they start.
 *
 * @module
 */

/** Lets `Deno.env.get` find these variables in this file alone, until it is disposed. */
export function environment(
  variables: Readonly<Record<string, string>>,
): Disposable {
  const { get } = Deno.env;
  Deno.env.get = (name) => variables[name] ?? get.call(Deno.env, name);
  return { [Symbol.dispose]: () => void (Deno.env.get = get) };
}
