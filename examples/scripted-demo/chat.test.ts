// What is no chat-completions request is refused with the field's name; what is one is read without loss.
import assert from "node:assert/strict";
import { test } from "node:test";
import { callOf, parseChatRequest } from "./chat.ts";
import { accepted, conversation, requestBody } from "./transcript.ts";

const good = { model: "scripted-demo", messages: [{ role: "user", content: "hello" }] };

const refused: [name: string, body: unknown, field: RegExp][] = [
  ["no JSON at all", undefined, /expected object/i],
  ["a list", [], /expected object/i],
  ["no messages", { ...good, messages: [] }, /^messages:/],
  ["an unknown role", { ...good, messages: [{ role: "root", content: "" }] }, /^messages\.0\.role:/],
  ["content that is a number", { ...good, messages: [{ role: "user", content: 7 }] }, /^messages\.0\.content:/],
  ["a tool without a name", { ...good, tools: [{ type: "function", function: {} }] }, /^tools\.0\.function\.name:/],
];

for (const [name, body, field] of refused) {
  test(`${name} is refused`, () => {
    const parsed = parseChatRequest(body);
    assert.ok("error" in parsed);
    assert.match(parsed.error, field);
  });
}

test("the smallest request is accepted, and text may come in parts", () => {
  assert.equal(accepted(good).conversation.asked, "hello");
  const parts = [
    { type: "text", text: "hel" },
    { type: "text", text: "lo" },
  ];
  assert.equal(accepted({ ...good, messages: [{ role: "user", content: parts }] }).conversation.asked, "hel\nlo");
});

test("calls are paired with their results by id, and a call without a result stays open", () => {
  const { exchanges } = conversation("x", [
    [
      ["get_invoice", { id: "a" }, "A"],
      ["get_invoice", { id: "b" }],
    ],
  ]);
  assert.deepEqual(
    exchanges.map(({ args, result }) => [args["id"], result]),
    [
      ["a", "A"],
      ["b", undefined],
    ],
  );
});

test("the hash is that of the messages: another word, another hash", () => {
  assert.equal(accepted(requestBody("a")).hash, accepted(requestBody("a")).hash);
  assert.notEqual(accepted(requestBody("a")).hash, accepted(requestBody("b")).hash);
});

test("arguments that the offered schema does not name are not sent", () => {
  const call = callOf(conversation("x"), "pay_invoice", { tenant: "acme", invoice_id: "inv_1" });
  assert.deepEqual(call, { name: "pay_invoice", arguments: '{"invoice_id":"inv_1"}' });
  assert.equal(callOf(conversation("x", [], ["send_mail"]), "pay_invoice", {}), undefined);
});
