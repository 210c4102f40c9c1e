/**
 * Making elements. Text is only ever set as text: names come from lists and replies, and
 * may hold markup.
 *
 * @module
 */

import { plainText } from "../lib/watch/plain_text.ts";

/** What may stand inside an element. */
export type Child = Node | string | null | undefined;

/** Attributes; what is `false`, `null` or `undefined` is left out. */
export type Attributes = Readonly<
  Record<string, string | number | boolean | null | undefined>
>;

const SVG = "http://www.w3.org/2000/svg";

/** Makes an HTML element. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return fill(document.createElement(name), attributes, children);
}

/** Makes an SVG element. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Makes a button that does something. */
export function button(
  attributes: Attributes,
  onPress: () => void,
  ...children: readonly Child[]
): HTMLButtonElement {
  const made = el("button", { type: "button", ...attributes }, ...children);
  made.addEventListener("click", onPress);
  return made;
}

/**
 * A name from a list: it must not run into its neighbours, whichever way it is written, nor
 * look like another by characters that turn or hide what stands around them.
 */
export function isolated(text: string): HTMLElement {
  return el("bdi", { title: plainText(text) }, plainText(text));
}

function fill<E extends Element>(
  element: E,
  attributes: Attributes,
  children: readonly Child[],
): E {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(
    ...children.filter((one) => one !== null && one !== undefined),
  );
  return element;
}
