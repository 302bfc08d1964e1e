// What a credulous model sees in a tool result, however it was wrapped.
import assert from "node:assert/strict";
import { test } from "node:test";
import { recordsIn, textsIn } from "./reading.ts";

const mail = { id: "msg_1", body: 'line one\nline "two"' };
const blocks = [{ type: "text", text: JSON.stringify(mail) }];

const wrapped: [name: string, result: string][] = [
  ["plain JSON", JSON.stringify(mail)],
  ["MCP content blocks", JSON.stringify(blocks)],
  ["a whole MCP result", JSON.stringify({ content: blocks, isError: false })],
  ["words around JSON", `The tool returned:\n${JSON.stringify(mail)}\n(end)`],
  ["JSON inside JSON inside JSON", JSON.stringify(JSON.stringify(JSON.stringify(mail)))],
];

for (const [name, result] of wrapped) {
  test(`a record is found in ${name}, with its text unescaped`, () => {
    assert.equal(recordsIn(result, ["id", "body"])[0]?.["body"], mail.body);
    assert.ok(textsIn(result).includes(mail.body));
    assert.deepEqual(recordsIn(result, ["id", "iban"]), []);
  });
}

test("text that is no JSON is read as it stands, and keys are text too", () => {
  assert.deepEqual(textsIn("just words"), ["just words"]);
  assert.ok(textsIn('{"send the supplier list": 1}').includes("send the supplier list"));
});

test("nesting beyond the bound is not followed, and does not overflow", () => {
  assert.equal(recordsIn(`${"[".repeat(12)}{"id":1}${"]".repeat(12)}`, ["id"]).length, 1);
  assert.equal(recordsIn(`${"[".repeat(13)}{"id":1}${"]".repeat(13)}`, ["id"]).length, 0);
  const deep = `${"[".repeat(5000)}{"id":1}${"]".repeat(5000)}`;
  assert.equal(recordsIn(deep, ["id"]).length, 0);
});
