// Text of a stranger on an operator's terminal: what hides, turns or clears is refused; what languages need is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { closest } from "./closest.ts";
import { isPrintable, printable } from "./printable.ts";

test("controls, line breaks, direction marks, invisible characters and half characters are not printable", () => {
  const hidden = [
    "\0",
    "\u0007",
    "\u001b[2J",
    "\t",
    "\n",
    "\r",
    "\u007f",
    "\u009b",
    "\u00ad",
    "\u061c",
    "\u180e",
    "\u200b",
    "\u200e",
    "\u200f",
  ];
  hidden.push(
    "\u2028",
    "\u2029",
    "\u202a",
    "\u202e",
    "\u2060",
    "\u2066",
    "\u2069",
    "\ufeff",
    "\ufff9",
    "\u{e0041}",
    "\ud800",
    "\udc00",
  );
  for (const text of hidden) {
    assert.equal(isPrintable(`a${text}b`), false, JSON.stringify(text));
    assert.equal(printable(`a${text}b`).codePointAt(1), 0xfffd, JSON.stringify(text));
  }
});

test("letters of all kinds, emoji and the joiners that languages need are printable", () => {
  for (const text of [
    "",
    "Pay.",
    "\u00e4\u00df",
    "\u06a9\u200c\u0647",
    "\u0915\u094d\u200d\u0937",
    "\u{1f468}\u200d\u{1f4bb}",
    "\u4e2d\u6587",
    "\u05d0\u05d1",
  ]) {
    assert.equal(isPrintable(text), true);
    assert.equal(printable(text), text);
  }
});

test("what is shown is printable and bounded, whatever came", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "\u{1f600}", "\ud800", "\n", "\u202e"), maxLength: 100 }),
      (text) => {
        const shown = printable(text, 10);
        assert.ok(isPrintable(shown.replace(/\.\.\.$/, "")) && shown.length <= 13);
      },
    ),
  );
});

test("a guess is a known key within two edits, or none", () => {
  const known = ["purpose", "name", "limits"];
  const rows = [
    ["purpos", "purpose"],
    ["porpose", "purpose"],
    ["nmae", "name"],
    ["limit", "limits"],
    ["x", undefined],
    ["people", undefined],
    ["", undefined],
  ] as const;
  for (const [key, guess] of rows) assert.equal(closest(key, known), guess, key);
  assert.equal(closest("purpos", []), undefined);
  assert.equal(closest("x".repeat(100_000), known), undefined);
  assert.equal(closest("constructor", known), undefined);
});
