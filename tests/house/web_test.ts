/** The rules of the page that neither the compiler nor the linter holds. */

import assert from "node:assert/strict";
import { filesUnder, read } from "../_support/tree.ts";

const SOURCES = filesUnder("web/").filter((path) => path.endsWith(".ts"));

Deno.test(
  "the page never makes elements out of text",
  { permissions: { read: true } },
  () => {
    assert(SOURCES.length > 10);
    const ways =
      /\b(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|createContextualFragment|DOMParser|eval)\b|document\.write|new Function/;
    assert.deepEqual(SOURCES.filter((path) => ways.test(read(path))), []);
  },
);

Deno.test(
  "the page's files are short, too, and named in snake_case",
  { permissions: { read: true } },
  () => {
    assert.deepEqual(
      SOURCES.filter((path) =>
        read(path).split("\n").length > 401 ||
        !/\/[a-z][a-z0-9]*(_[a-z0-9]+)*\.ts$/.test(path)
      ),
      [],
    );
  },
);
