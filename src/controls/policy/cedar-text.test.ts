import assert from "node:assert/strict";
import { test } from "node:test";
import { charsBefore, placeOf, splitPolicies } from "./cedar-text.ts";

const plain = "forbid(principal, action, resource) when {";

/** Number of policies, or the words of the refusal. */
function split(text: string): number | string {
  const parts = splitPolicies(text);
  return Array.isArray(parts) ? parts.length : parts.message;
}

/** Each text as large as it may be, and one step more. */
const bounds: readonly (readonly [name: string, fits: string, tooMuch: string, words: RegExp])[] = [
  ["a text", " ".repeat(65_536), " ".repeat(65_537), /65537 characters; at most 65536/],
  ["a number of policies", "permit(a,b,c);".repeat(500), "permit(a,b,c);".repeat(501), /more than 500 policies/],
  ["nesting", `${"[".repeat(24)}`, `${"[".repeat(25)}`, /more than 24 brackets/],
  ["nesting of mixed brackets", "({[".repeat(8), `${"({[".repeat(8)}(`, /more than 24 brackets/],
  ["a chain of &&", plain + "x && ".repeat(147), plain + "x && ".repeat(148), /more than 150 operators/],
  ["a chain of members", plain + ".a".repeat(147), plain + ".a".repeat(148), /more than 150 operators/],
  ["a chain of ifs", plain + "if x then y else ".repeat(147), plain + "if x then y else ".repeat(148), /more than 150/],
  ["a chain of conditions", "when{x}".repeat(75), "when{x}".repeat(76), /more than 150 operators/],
];

for (const [name, fits, tooMuch, words] of bounds) {
  test(`${name} at its bound is read, one step more is refused`, () => {
    assert.equal(typeof split(fits), "number");
    assert.match(String(split(tooMuch)), words);
  });
}

test("bounds are those of one policy: the next begins anew", () => {
  assert.equal(split(`${`${plain + "x && ".repeat(100)}x};`}\n`.repeat(5)), 5);
});

test("brackets in comments and texts do not count, and a comment ends at any line break", () => {
  assert.equal(split(`// ${"(".repeat(99)}\n"${"(".repeat(99)}\\"((" ;`), 1);
  assert.match(String(split(`// x\r${"(".repeat(99)}`)), /more than 24/);
});

test("a text that is not closed is refused where it begins", () => {
  assert.deepEqual(splitPolicies(`a "b\\"`), { offset: 2, message: "this text is not closed" });
});

test("the parts are the whole text, cut after each semicolon outside texts", () => {
  const text = `// a;\n@id("x;") permit(a);\n  forbid(b);\n// end\n`;
  const parts = splitPolicies(text);
  assert.ok(Array.isArray(parts));
  assert.deepEqual(
    parts.map((part) => part.text),
    [`// a;\n@id("x;") permit(a);`, "\n  forbid(b);"],
  );
  assert.deepEqual(
    parts.map(({ offset }) => offset),
    [0, 26],
  );
  assert.equal(split("// nothing\n"), 0);
  assert.equal(split("permit(a)"), 1);
});

test("places count from one, in characters, whatever the line break", () => {
  assert.deepEqual(placeOf("ab\r\ncd\re", 7), { line: 3, column: 1 });
  assert.deepEqual(placeOf("é😀x", 3), { line: 1, column: 4 });
  assert.equal(charsBefore("é😀x", 6), 3);
});
