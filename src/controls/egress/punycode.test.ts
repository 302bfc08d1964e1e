import assert from "node:assert/strict";
import { domainToASCII } from "node:url";
import { test } from "node:test";
import fc from "fast-check";
import { isEncodedLabel } from "./punycode.ts";

test("a label that encodes no name is refused, its neighbour that does is not", () => {
  for (const label of ["xn--bcher-kva", "xn--r8jz45g", "xn--ls8h", "xn--fiqs8s"])
    assert.ok(isEncodedLabel(label), label);
  for (const label of [
    "xn--",
    "xn---",
    "xn--a",
    "xn--pokxncvks",
    "xn--ascii-",
    "xn--zn7c",
    "xn--bcher-kvb9999",
    "xn--99999999",
  ]) {
    assert.ok(!isEncodedLabel(label), label);
  }
});

test("every label the platform encodes is accepted", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."abzäßéøжяλωשעあア漢字한ไ-"), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(letters, (name) => {
      const label = domainToASCII(name);
      fc.pre(label.startsWith("xn--") && label.length <= 63);
      assert.ok(isEncodedLabel(label), label);
    }),
    { numRuns: 500 },
  );
});
