// Bounds that could never take effect: each beside the contract one step away that is fine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lintBounds } from "./lint-bounds.ts";
import { contract } from "./schema.ts";

const lint = (parts: object): string[] =>
  lintBounds("t", contract.parse({ effect: "reversible", authority: ["to", "cents"], ...parts })).map(
    ({ field, message }) => `${field}: ${message}`,
  );

const rows: readonly (readonly [name: string, wrong: object, words: RegExp, right: object])[] = [
  [
    "a total of what has no authority",
    { total: { body: { per_day: 1 } } },
    /^t\.total\.body: .*not listed/,
    { total: { cents: { per_day: 1 } } },
  ],
  [
    "values of what has no authority",
    { only: { body: ["x"] } },
    /^t\.only\.body: .*not listed/,
    { only: { to: ["x"] } },
  ],
  [
    "values of what is bound",
    { bind: { tenant: "a" }, only: { tenant: ["a"] } },
    /^t\.only\.tenant: is bound/,
    { bind: { tenant: "a" } },
  ],
  [
    "a total that bounds nothing",
    { total: { cents: {} } },
    /^t\.total\.cents: has no bound/,
    { total: { cents: { per_user: 0 } } },
  ],
  ["half a call a turn", { max: { per_turn: 0.5 } }, /^t\.max\.per_turn: .*whole/, { max: { per_turn: 1 } }],
  ["half a call a user", { max: { per_user: 1.5 } }, /^t\.max\.per_user: .*whole/, { max: { per_user: 0 } }],
  [
    "more calls than can be counted",
    { max: { per_day: 1e300 } },
    /^t\.max\.per_day: .*whole/,
    { max: { per_day: 1e15 } },
  ],
  [
    "an argument of a reserved name",
    { authority: ["per_day"], max: { per_day: 1 } },
    /^t\.max\.per_day: .*cannot be bounded/,
    { authority: ["per_day"] },
  ],
  [
    "a sum with seven decimals",
    { total: { cents: { per_day: 0.0000001 } } },
    /^t\.total\.cents\.per_day: .*six decimals/,
    { total: { cents: { per_day: 0.000001 } } },
  ],
  [
    "a sum over all that is exact",
    { total: { cents: { per_turn: 2 ** 53 } } },
    /^t\.total\.cents\.per_turn: .*too large/,
    { total: { cents: { per_turn: 2 ** 53 - 1 } } },
  ],
  [
    "texts where an amount is bounded",
    { max: { cents: 5 }, only: { cents: ["5"] } },
    /^t\.only\.cents: has no value/,
    { max: { cents: 5 }, only: { cents: [5, 9] } },
  ],
  [
    "values over the maximum",
    { max: { cents: 5 }, only: { cents: [6] } },
    /^t\.only\.cents: has no value/,
    { only: { cents: [6] } },
  ],
];

for (const [name, wrong, words, right] of rows) {
  test(`${name} is an error`, () => {
    const found = lint(wrong);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", words);
    assert.deepEqual(lint(right), []);
  });
}

test("a total of a name that every object has is looked up as the file's own", () => {
  assert.deepEqual(lint({ authority: ["constructor"], only: { constructor: ["x"] }, total: {} }), []);
});
