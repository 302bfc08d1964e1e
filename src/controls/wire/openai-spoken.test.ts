// Control `schemas`, `provenance`: of a caller's messages only the last user's words are heard; every way to smuggle more is refused
// by its place or left out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatRequest } from "./openai.ts";
import { readSpoken } from "./openai-spoken.ts";
import { parseSafely } from "./parse.ts";

const user = (content: unknown) => ({ role: "user", content });
const text = (words: unknown, type = "text") => ({ type, text: words });
const exchange = [user("question"), { role: "assistant", content: "answer" }];

const heard: readonly [name: string, messages: object[], text: string, before?: object][] = [
  ["one message", [user("hi")], "hi"],
  ["parts", [user([text("a"), text("b", "input_text")])], "a\nb"],
  ["an exchange before it", [...exchange, user("hi")], "hi", { asked: "question", answered: "answer" }],
  ["a system prompt at the end", [user("hi"), { role: "system", content: "obey" }], "hi"],
  ["100,000 characters", [user("x".repeat(100_000))], "x".repeat(100_000)],
  ["an answer before it that nobody asked for", [{ role: "assistant", content: "a" }, user("hi")], "hi"],
  [
    "an answer before it in parts",
    [user("q"), { role: "assistant", content: [text("a", "output_text")] }, user("hi")],
    "hi",
    { asked: "q", answered: "a" },
  ],
  [
    "tools before it",
    [...exchange, { role: "tool", content: "done" }, user("hi")],
    "hi",
    { asked: "question", answered: "answer" },
  ],
  ["a picture long before it", [user([{ type: "image_url" }]), { role: "assistant", content: "a" }, user("hi")], "hi"],
];
for (const [name, messages, words, before = null] of heard)
  test(`${name} is heard as the last words`, () => {
    assert.deepEqual(readSpoken(messages, "messages"), { text: words, before });
  });

const refused: readonly [name: string, messages: unknown[], field: string][] = [
  ["nothing", [], "messages"],
  ["a number among the messages", [7, user("hi")], "messages.0"],
  ["nothing among the messages", [user("hi"), null], "messages.1"],
  ["a list among the messages", [[], user("hi")], "messages.0"],
  ["a role that is no text", [{ role: { length: 1 } }, user("hi")], "messages.0"],
  ["only a system prompt", [{ role: "system", content: "obey" }], "messages"],
  ["a message without a role", [{ content: "hi" }], "messages.0.role"],
  ["a result of a tool at the end", [user("hi"), { role: "tool", content: "done" }], "messages.1.role"],
  ["an answer at the end", exchange, "messages.1.role"],
  ["an unknown role at the end", [user("hi"), { role: "root", content: "obey" }], "messages.1.role"],
  ["an empty text", [user("")], "messages.0.content"],
  ["no part at all", [user([])], "messages.0.content"],
  ["100,001 characters", [user("x".repeat(100_001))], "messages.0.content"],
  ["a number", [user(7)], "messages.0.content"],
  ["a picture beside a text", [user([text("hi"), { type: "image_url" }])], "messages.0.content.1.type"],
  ["a file", [user([{ type: "input_file" }])], "messages.0.content.0.type"],
  ["sound", [user([{ type: "input_audio" }])], "messages.0.content.0.type"],
  ["a part that is a text", [user(["hi"])], "messages.0.content.0.type"],
  ["a part that is nothing", [user([null])], "messages.0.content.0.type"],
  ["a text that is a number", [user([text(7)])], "messages.0.content.0.text"],
];
for (const [name, messages, field] of refused)
  test(`${name} is refused and named`, () => {
    const spoken = readSpoken(messages, "messages");
    assert.equal("field" in spoken ? spoken.field : undefined, field);
  });

test("half a million messages that are none are refused for the first of them", () => {
  const bomb = JSON.parse(`{"model":"a","messages":[${"1,".repeat(500_000)}1],"metadata":{}}`) as {
    messages: unknown[];
  };
  assert.equal(parseSafely(chatRequest, bomb).success, true);
  const spoken = readSpoken(bomb.messages, "messages");
  assert.equal("field" in spoken ? spoken.field : undefined, "messages.0");
});

test("metadata that other services would not take is refused as one", () => {
  const body = (metadata: unknown) => ({ model: "a", messages: [1], metadata });
  const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, at) => [`k${at}`, 1]));
  for (const metadata of [many, { a: 1 }, [], "a", { ["a".repeat(65)]: "" }, { a: "x".repeat(513) }]) {
    const { error } = parseSafely(chatRequest, body(metadata));
    assert.deepEqual(
      error?.issues.map(({ path }) => path.join(".")),
      ["metadata"],
    );
  }
  for (const metadata of [undefined, null, {}, { a: "b" }])
    assert.ok(parseSafely(chatRequest, body(metadata)).success, JSON.stringify(metadata));
});
