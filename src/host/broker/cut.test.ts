import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Cutter } from "./cut.ts";

const run = (value: string | null, pieces: readonly string[]): string => {
  const cutter = new Cutter(value);
  return Buffer.concat([...pieces.map((piece) => cutter.push(Buffer.from(piece, "latin1"))), cutter.end()]).toString(
    "latin1",
  );
};

test("a value is cut out wherever the pieces begin and end, and what only resembles it stays", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("abab", "ababab-x", "ab", "-", "x", "ababab-xy", "a"), { maxLength: 30 }),
      (parts) => {
        const text = parts.join("");
        const expected = text.replaceAll("ababab-x", "[removed by ambit]");
        assert.equal(run("ababab-x", parts), expected);
        assert.equal(run("ababab-x", [...text]), expected);
      },
    ),
  );
});

test("nothing is held back but what could be the beginning of the value", () => {
  const cutter = new Cutter("secret-value");
  assert.equal(cutter.push(Buffer.from("data: one\n\n")).toString(), "data: one\n\n");
  assert.equal(cutter.push(Buffer.from("data: sec")).toString(), "data: ");
  assert.equal(cutter.push(Buffer.from("tion")).toString(), "section");
});

test("a value too short to be one, or none, changes nothing", () => {
  assert.equal(run("ok", ["ok", "look"]), "oklook");
  assert.equal(run(null, ["anything"]), "anything");
  assert.ok(!new Cutter("1234567").isActive && new Cutter("12345678").isActive);
});
