import assert from "node:assert/strict";
import { BEHAVIOURS, expectationOf } from "../../lib/chaos/behaviour.ts";
import { REJECTION_CODES } from "../../lib/wire/rejection.ts";
import { ALL } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

Deno.test("BEHAVIOURS have names of their own, in kebab-case", none, () => {
  const names = BEHAVIOURS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z]+(-[a-z]+)*$/);
});

Deno.test(
  "BEHAVIOURS bring about every rejection that a server alone can",
  none,
  () => {
    const expected = new Set(
      BEHAVIOURS.flatMap((known) =>
        ALL.map(({ id }) => expectationOf(known, id))
      ),
    );
    // The first needs a client that offers two dialects that can be confused; the second a
    // reply in a place where its version does not say so.
    const others = ["version-ambiguous", "version-misplaced"];
    for (const code of REJECTION_CODES) {
      assert.equal(expected.has(code), !others.includes(code), code);
    }
  },
);

Deno.test("expectationOf() knows what a dialect does not have", none, () => {
  const find = (name: string) => {
    const known = BEHAVIOURS.find((one) => one.name === name);
    assert(known, name);
    return known;
  };
  assert.equal(
    expectationOf(find("versions-unsorted"), "draft-11"),
    "unaffected",
  );
  assert.equal(
    expectationOf(find("versions-unsorted"), "draft-12"),
    "versions-list",
  );
  assert.equal(expectationOf(find("missing-type"), "rfc-10049"), "tag-missing");
  assert.equal(expectationOf(find("frame-length"), "google"), "unaffected");
  assert.equal(
    expectationOf(find("bad-time"), "draft-07"),
    "timestamp-invalid",
  );
});
