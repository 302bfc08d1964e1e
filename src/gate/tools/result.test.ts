// What a tool server may answer, all of it hostile: nothing throws, nothing is unbounded, and what is no answer is none.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maxResultChars, parseKeptAnswer, reduceResult } from "./result.ts";

const text = (...texts: string[]) => ({ content: texts.map((part) => ({ type: "text", text: part })) });
const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);
const hostile: unknown = JSON.parse(`{"toString":1,"valueOf":2,"toJSON":3}`);

/** A result, and what becomes of it. */
const rows: readonly (readonly [name: string, raw: object, text: string, value: unknown])[] = [
  ["one text", text("hello"), "hello", "hello"],
  ["texts", text("a", "b"), "a\nb", "a\nb"],
  ["a text that is JSON", text('{"id":1}'), '{"id":1}', { id: 1 }],
  ["a text and what it means", { ...text("paid"), structuredContent: { id: 1 } }, "paid", { id: 1 }],
  ["only what it means", { structuredContent: { id: 1 } }, '{"id":1}', { id: 1 }],
  ["an empty list and what it means", { content: [], structuredContent: [] }, "[]", []],
  ["null as what it means", { structuredContent: null }, "null", null],
  ["nothing", {}, "", ""],
  ["content that is no list", { content: "hello" }, "", ""],
  ["an image", { content: [{ type: "image", data: "x" }] }, "[image left out]", "[image left out]"],
  ["a text without text", { content: [{ type: "text" }] }, "[text left out]", "[text left out]"],
  ["a text that is a number", { content: [{ type: "text", text: 7 }] }, "[text left out]", "[text left out]"],
  [
    "parts that are none",
    { content: [null, 1, "x", [], {}] },
    new Array(5).fill("[part without a type left out]").join("\n"),
    undefined,
  ],
  [
    "a type that is an object without a text form",
    { content: [{ type: hostile }] },
    "[part without a type left out]",
    undefined,
  ],
  ["a long type", { content: [{ type: "x".repeat(99) }] }, `[${"x".repeat(30)} left out]`, undefined],
  [
    "a text that is an object without a text form",
    { content: [{ type: "text", text: hostile }] },
    "[text left out]",
    undefined,
  ],
  ["half a character", text("a\ud800b"), "a\ufffdb", undefined],
];

for (const [name, raw, expected, value] of rows) {
  test(`${name} is reduced to text and value`, () => {
    const result = reduceResult(raw);
    assert.equal(result.text, expected);
    if (value !== undefined) assert.deepEqual(result.value, value);
    assert.equal(result.isError, false);
  });
}

test("only true is an error", () => {
  assert.equal(reduceResult({ isError: true }).isError, true);
  for (const isError of ["true", 1, {}, null, false, undefined]) assert.equal(reduceResult({ isError }).isError, false);
});

test("a text over the limit is cut and says so, one of just the limit is not", () => {
  assert.equal(reduceResult(text("x".repeat(maxResultChars))).text.length, maxResultChars);
  const cut = reduceResult(text("x".repeat(maxResultChars + 1))).text;
  assert.match(cut, /^x{1000}/);
  assert.match(cut, /\n\[cut by ambit: 200001 characters, 200000 shown\]$/);
  const pair = reduceResult(text(`${"x".repeat(maxResultChars - 1)}\u{1f600}`)).text;
  assert.ok(pair.isWellFormed());
});

test("more than 200 parts are counted and left out, 200 are not", () => {
  const parts = (count: number) => reduceResult(text(...new Array<string>(count).fill("a"))).text;
  assert.equal(parts(200), new Array(200).fill("a").join("\n"));
  assert.match(parts(100_000), /a\n\[99800 more parts left out\]$/);
});

test("fifty megabytes and a million levels are reduced, not thrown, in a moment", () => {
  const began = process.cpuUsage();
  assert.ok(reduceResult(text("x".repeat(50_000_000))).text.length < maxResultChars + 100);
  assert.equal(
    reduceResult({ structuredContent: nested(1_000_000) }).text,
    "[the answer is nested too deeply to show]",
  );
  assert.ok(reduceResult(text(`${"[".repeat(500_000)}${"]".repeat(500_000)}`)).text.length < maxResultChars + 100);
  assert.ok(process.cpuUsage(began).user / 1000 < 4000);
});

const json = "application/json";
const sse = "text/event-stream";
const answer = (result: unknown): string => JSON.stringify({ jsonrpc: "2.0", id: 1, result });
const known = { content: [{ type: "text", text: "ok" }], structuredContent: { a: 1 }, isError: false };

test("a kept answer is read from JSON and from each way to write an event", () => {
  const bodies: readonly (readonly [type: string, body: string])[] = [
    [json, answer(known)],
    ["application/json; charset=utf-8", answer(known)],
    [sse, `event: message\ndata: ${answer(known)}\n\n`],
    [sse, `data:${answer(known)}`],
    [sse, `\r\n: ping\r\n\r\nid: 1\r\ndata: ${answer(known)}\r\n\r\n`],
    [sse, `data: ${answer(known)}\r\r`],
    [
      sse,
      answer(known)
        .split(",")
        .map((part, at, all) => `data: ${part}${at < all.length - 1 ? "," : ""}`)
        .join("\n"),
    ],
    [
      "Text/Event-Stream; charset=utf-8",
      `data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\ndata: ${answer(known)}\n\n`,
    ],
  ];
  for (const [type, body] of bodies) assert.deepEqual(parseKeptAnswer(type, body), known, body);
});

test("only the members of a result are taken over, and none of them makes it a refusal", () => {
  const kept = parseKeptAnswer(json, answer({ ...known, error: "not run", _meta: { x: 1 } }));
  assert.deepEqual(kept, known);
  assert.ok(kept && !("error" in kept));
});

/** Bodies that are no answer: nobody knows what the server did. */
const unreadable: readonly (readonly [name: string, body: string])[] = [
  ["nothing", ""],
  ["no JSON", "<html>"],
  ["half of it", answer(known).slice(0, -1)],
  ["a text", '"ok"'],
  ["null", "null"],
  ["a list", `[${answer(known)}]`],
  ["neither result nor error", `{"jsonrpc":"2.0","id":1}`],
  ["a result that is null", answer(null)],
  ["a result that is a text", answer("ok")],
  ["a result that is a number", answer(0)],
  ["a result that is true", answer(true)],
  ["a result that is a list", answer([known])],
  ["an error that is nothing", `{"error":null}`],
];

for (const [name, body] of unreadable) {
  test(`${name} is no answer`, () => {
    assert.equal(parseKeptAnswer(json, body), undefined);
    assert.equal(parseKeptAnswer(sse, `data: ${body}\n\n`), undefined);
  });
}

test("an answer in the wrong dress is none", () => {
  assert.equal(parseKeptAnswer(sse, answer(known)), undefined);
  assert.equal(parseKeptAnswer(json, `data: ${answer(known)}`), undefined);
});

test("an error is a short text, whatever the server made it", () => {
  const errors: readonly (readonly [error: unknown, said: string])[] = [
    [{ message: "no such invoice" }, "no such invoice"],
    [{ message: "x".repeat(9999) }, "x".repeat(500)],
    [{ message: `${"x".repeat(499)}\u{1f600}` }, `${"x".repeat(499)}\ufffd`],
    [{ message: hostile }, "no reason given"],
    [{}, "no reason given"],
    ["no", "no reason given"],
    [1, "no reason given"],
  ];
  for (const [error, said] of errors)
    assert.deepEqual(parseKeptAnswer(json, JSON.stringify({ error })), { error: said });
});

test("whatever a server answers, it ends as a bounded text or as no answer", () => {
  const raw = fc.record(
    {
      content: fc.oneof(
        fc.jsonValue(),
        fc.array(fc.record({ type: fc.jsonValue(), text: fc.jsonValue() }, { requiredKeys: [] })),
      ),
      structuredContent: fc.jsonValue(),
      isError: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(raw, fc.constantFrom(json, sse, "", "text/plain"), fc.string(), (result, type, body) => {
      const reduced = reduceResult(JSON.parse(JSON.stringify(result)) as object);
      assert.ok(reduced.text.isWellFormed() && reduced.text.length <= maxResultChars + 100);
      const kept = parseKeptAnswer(type, body);
      assert.ok(kept === undefined || typeof kept === "object");
    }),
    { numRuns: 1000 },
  );
});
