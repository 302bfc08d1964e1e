// Control `recon`: whatever a channel calls a user, the front's log gets one well-formed word.
import assert from "node:assert/strict";
import { test } from "node:test";
import { userHeader, writtenUser } from "../../controls/wire/gate.ts";
import { saidBy } from "./said-by.ts";

const rows: readonly [string, string][] = [
  ["amy@x.example", "amy@x.example"],
  ["amy bob", "amy%20bob"],
  ['a"\\\r\nX-Ambit: 1', "a%22%5C%0D%0AX-Ambit%3A%201"],
  ["J\u00f6rg", "J%C3%B6rg"],
  ["\ud800", "%EF%BF%BD"],
  ["50%", "50%25"],
];
for (const [user, written] of rows) {
  test(`the user ${JSON.stringify(user)} is written as ${written}`, () => {
    const said = saidBy(user, Response.json({})).headers.get(userHeader);
    assert.equal(said, written);
    assert.match(written, writtenUser);
  });
}

test("the longest name a message may have is written whole", () => {
  assert.match(saidBy("\u4e00".repeat(254), Response.json({})).headers.get(userHeader) ?? "", writtenUser);
});
