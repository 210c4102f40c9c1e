import assert from "node:assert/strict";
import fc from "fast-check";
import { Draw, MAX_REPLACED } from "../../lib/ecosystem/draw.ts";
import { operatorOf } from "../../lib/ecosystem/operator.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import { seeded } from "../_support/fixtures.ts";
import { listed } from "../_support/many.ts";

const none = { permissions: "none" } as const;

/** Draws until nothing comes; a predicate says who answers. */
function drawAll(
  draw: Draw,
  answers: (server: ListedServer) => boolean,
): ListedServer[] {
  const drawn: ListedServer[] = [];
  for (let server = draw.next(); server; server = draw.next()) {
    drawn.push(server);
    if (answers(server)) draw.heard(server);
  }
  return drawn;
}

const servers = fc.array(
  fc.record({ key: fc.nat({ max: 8 }), operator: fc.nat({ max: 6 }) })
    .map(({ key, operator }) =>
      listed(key, { operator: `op${operator}.example` })
    ),
  { maxLength: 12 },
);

Deno.test(
  "as many operators answer as are wanted, or nobody is left who could",
  none,
  () => {
    fc.assert(fc.property(
      servers,
      fc.nat({ max: 8 }),
      fc.func(fc.boolean()),
      fc.integer(),
      (list, count, lives, seed) => {
        const alive = (server: ListedServer) => lives(list.indexOf(server));
        const draw = new Draw(list, count, seeded(seed));
        const drawn = drawAll(draw, alive);
        const living = drawn.filter(alive);
        assert.equal(new Set(drawn).size, drawn.length, "nobody twice");
        for (const mark of [operatorOf, keyOf]) {
          assert.equal(new Set(living.map(mark)).size, living.length);
        }
        assert(living.length <= count);
        const isLeft = list.some((one) =>
          !drawn.includes(one) &&
          living.every((other) =>
            operatorOf(other) !== operatorOf(one) && keyOf(other) !== keyOf(one)
          )
        );
        assert(living.length === count || !isLeft);
        assert.equal(draw.wanting, 0);
      },
    ));
  },
);

Deno.test(
  "a lost server is made up for by another operator before one of the same",
  none,
  () => {
    const twins = [0, 1].map((n) => listed(n, { operator: "twin.example" }));
    for (let seed = 0; seed < 50; seed++) {
      const list = [...twins, listed(2), listed(3)];
      const drawn = drawAll(new Draw(list, 3, seeded(seed)), () => false);
      assert.equal(drawn.length, 4, "the other twin gets its chance");
      assert(twins.includes(drawn[3] as ListedServer));
    }
  },
);

Deno.test("any server may come first", none, () => {
  const list = [0, 1, 2, 3].map((n) => listed(n));
  const first = new Set<ListedServer | undefined>();
  for (let i = 0; i < 100; i++) first.add(new Draw(list, 1).next());
  assert.equal(first.size, list.length);
});

Deno.test("a long list of the dead is not asked to its end", none, () => {
  const list = Array.from({ length: 200 }, (_, n) => ({
    ...listed(0, { operator: `op${n}.example` }),
    publicKey: new Uint8Array([n]),
  }));
  const draw = new Draw(list, 5);
  assert.equal(draw.wanting, 5);
  assert.equal(drawAll(draw, () => false).length, 5 + MAX_REPLACED);
});

function keyOf({ publicKey }: ListedServer): string {
  return publicKey.join();
}
