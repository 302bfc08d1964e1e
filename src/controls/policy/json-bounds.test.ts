// What JSON.parse lets through and nothing later can carry is refused, with the place.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson } from "../manifest/hash.ts";
import { findJsonFault } from "./json-bounds.ts";

const limits = { chars: 1000, depth: 5 };
const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);

/** JSON text that is refused, where and why, and its twin one step away that is carried. */
const rows: readonly (readonly [name: string, refused: string, field: string, words: RegExp, allowed: string])[] = [
  ["a number too large for a double", `{"a":1e999}`, "a", /not a number/, `{"a":1e308}`],
  ["a negative one", `[[-1e999]]`, "0.0", /not a number/, `[[-1e308]]`],
  ["half a surrogate pair", `{"a":{"b":"\\ud83d"}}`, "a.b", /half a character/, `{"a":{"b":"\\ud83d\\ude00"}}`],
  ["a name with half a pair", `{"a":{"\\ude00":1}}`, "a", /forbidden name/, `{"a":{"\\ud83d\\ude00":1}}`],
  ["a member named __proto__", `{"a":{"__proto__":{}}}`, "a", /forbidden name/, `{"a":{"__proto":{}}}`],
  ["a member named __proto__ at the top", `{"__proto__":1}`, "", /forbidden name/, `{"constructor":1,"toString":2}`],
  ["six levels", "[[[[[[]]]]]]", "0.0.0.0.0", /nested too deeply/, "[[[[[]]]]]"],
  ["a text over the limit", JSON.stringify("x".repeat(1000)), "", /too long/, JSON.stringify("x".repeat(999))],
  [
    "names over the limit",
    JSON.stringify({ ["x".repeat(999)]: 1 }),
    "x".repeat(999),
    /too long/,
    JSON.stringify({ ["x".repeat(998)]: 1 }),
  ],
  [
    "too many small values",
    JSON.stringify(new Array(1000).fill(0)),
    "",
    /too long/,
    JSON.stringify(new Array(999).fill(0)),
  ],
];

for (const [name, refused, field, words, allowed] of rows) {
  test(`${name} is refused`, () => {
    const fault = findJsonFault(JSON.parse(refused), limits);
    assert.equal(fault?.field, field);
    assert.match(fault.message, words);
    assert.equal(findJsonFault(JSON.parse(allowed), limits), undefined);
  });
}

test("what is no JSON at all is refused", () => {
  for (const value of [undefined, () => 1, Symbol("x"), 1n, NaN, [undefined]]) assert.ok(findJsonFault(value, limits));
  assert.equal(findJsonFault(null, limits), undefined);
});

test("a value that holds itself is refused and does not end the stack", () => {
  const round: unknown[] = [];
  round.push(round);
  assert.match(findJsonFault(round, limits)?.message ?? "", /nested too deeply/);
});

test("a hundred thousand levels and fifty million characters are refused without being walked", () => {
  const began = process.cpuUsage();
  assert.match(findJsonFault(nested(100_000), limits)?.message ?? "", /nested too deeply/);
  assert.match(findJsonFault({ a: "x".repeat(50_000_000) }, limits)?.message ?? "", /too long/);
  assert.ok(process.cpuUsage(began).user / 1000 < 2000);
});

test("whatever is carried can be written as canonical JSON and read back the same", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4, noUnicodeString: false }), (value) => {
      const parsed: unknown = JSON.parse(JSON.stringify(value));
      if (findJsonFault(parsed, { chars: 100_000, depth: 20 })) return;
      assert.deepEqual(JSON.parse(canonicalJson(parsed)), parsed);
    }),
    { numRuns: 80 },
  );
});
