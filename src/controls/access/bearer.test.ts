// Control `gateway-tokens`: one header, one scheme, one token.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBearer } from "./bearer.ts";

test("one bearer credential is read, in whatever case the scheme is written", () => {
  assert.equal(parseBearer("Bearer ambit_ch_x"), "ambit_ch_x");
  assert.equal(parseBearer("bearer ambit_ch_x"), "ambit_ch_x");
  assert.equal(parseBearer(["Bearer ambit_ch_x"]), "ambit_ch_x");
  assert.equal(parseBearer(`Bearer ${"a".repeat(256)}`), "a".repeat(256));
});

const refused: readonly [string, string | string[] | null | undefined][] = [
  ["no header", undefined],
  ["no header in a Worker", null],
  ["an empty list", []],
  ["an empty value", ""],
  ["a scheme alone", "Bearer"],
  ["a scheme and a space", "Bearer "],
  ["another scheme", "Basic YTpi"],
  ["two spaces", "Bearer  a"],
  ["a tab", "Bearer\ta"],
  ["two tokens", "Bearer a b"],
  ["two headers", ["Bearer a", "Bearer a"]],
  ["two headers joined", "Bearer a, Bearer b"],
  ["white space before", " Bearer a"],
  ["white space after", "Bearer a "],
  ["a line end", "Bearer a\n"],
  ["one character too many", `Bearer ${"a".repeat(257)}`],
  ["a huge value", `Bearer ${"a".repeat(1_000_000)}`],
  ["a letter outside ASCII", "Bearer \u0430"],
];
for (const [name, header] of refused) {
  test(`${name} is refused as no token`, () => {
    const result = parseBearer(header);
    assert.ok(typeof result === "object" && result.reason === "token_not_valid");
  });
}
