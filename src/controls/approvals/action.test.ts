// What a person approves: any member changed is another action, and the order of keys is none.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Action, JsonObject } from "../../boundary.ts";
import { callIdOf, hashAction, hashTool, type ToolDefinition } from "./action.ts";

const action: Action = {
  v: 1,
  deployment: "payables-clerk",
  release: "a".repeat(64),
  thread: "t1",
  turn: 1,
  callId: "call_000000000000000000000000",
  server: "erp",
  tool: "pay_invoice",
  toolHash: "b".repeat(64),
  arguments: { iban: "DE89370400440532013000", amount_cents: 420_000, lines: [{ text: "a" }, { text: "b" }] },
  fileHashes: { "invoice.pdf": "c".repeat(64) },
  policyHash: "d".repeat(64),
};

/** One member changed by as little as can be. */
const changes: readonly (readonly [name: string, change: object])[] = [
  ["the version", { v: 2 }],
  ["the deployment", { deployment: "payables-clerl" }],
  ["the release", { release: `${"a".repeat(63)}b` }],
  ["the thread", { thread: "t2" }],
  ["the turn", { turn: 2 }],
  ["the call", { callId: "call_000000000000000000000001" }],
  ["the server", { server: "erq" }],
  ["the tool", { tool: "pay_invoices" }],
  ["the definition of the tool", { toolHash: `${"b".repeat(63)}c` }],
  ["the policy", { policyHash: `${"d".repeat(63)}e` }],
  ["a file", { fileHashes: { "invoice.pdf": `${"c".repeat(63)}d` } }],
  ["the name of a file", { fileHashes: { "invoice.pdg": "c".repeat(64) } }],
  ["one file more", { fileHashes: { ...action.fileHashes, "b.pdf": "c".repeat(64) } }],
  ["one cent", { arguments: { ...action.arguments, amount_cents: 420_001 } }],
  ["an amount as text", { arguments: { ...action.arguments, amount_cents: "420000" } }],
  ["one letter", { arguments: { ...action.arguments, iban: "DE89370400440532013001" } }],
  ["a look-alike letter", { arguments: { ...action.arguments, iban: "D\u041589370400440532013000" } }],
  ["a blank at the end", { arguments: { ...action.arguments, iban: "DE89370400440532013000 " } }],
  ["the case", { arguments: { ...action.arguments, iban: "de89370400440532013000" } }],
  ["another normal form", { arguments: { ...action.arguments, iban: "DE89370400440532013000\u0301" } }],
  ["an argument more", { arguments: { ...action.arguments, memo: null } }],
  ["an argument less", { arguments: { iban: "DE89370400440532013000" } }],
  ["the order of a list", { arguments: { ...action.arguments, lines: [{ text: "b" }, { text: "a" }] } }],
  ["a nested text", { arguments: { ...action.arguments, lines: [{ text: "a" }, { text: "c" }] } }],
  ["__proto__ as an argument", { arguments: JSON.parse(`{"__proto__":{},"iban":"x"}`) as JsonObject }],
];

for (const [name, change] of changes) {
  test(`an approval does not fit when ${name} changes`, () => {
    assert.notEqual(hashAction({ ...action, ...change }), hashAction(action));
  });
}

test("no two of these changes have the same hash", () => {
  const hashes = changes.map(([, change]) => hashAction({ ...action, ...change }));
  assert.equal(new Set([...hashes, hashAction(action)]).size, changes.length + 1);
});

/** The same value with all keys in the opposite order, at every depth. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

test("an approval fits the same action whatever the order of its keys", () => {
  assert.match(hashAction(action), /^[0-9a-f]{64}$/);
  assert.equal(hashAction(reversed(action) as Action), hashAction(action));
  assert.equal(hashAction(JSON.parse(JSON.stringify(action)) as Action), hashAction(action));
});

const values = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject[string]);

test("two sets of arguments have one hash exactly when they are the same JSON", () => {
  const args = fc.dictionary(fc.constantFrom("a", "b", "10", "9", "\u20ac", "\u{1f600}"), values, { maxKeys: 3 });
  const hashOf = (value: JsonObject) => hashAction({ ...action, arguments: value });
  const same = (one: unknown, two: unknown): boolean => {
    try {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(two)));
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(args, args, (one, two) => {
      assert.equal(hashOf(one) === hashOf(two), same(one, two));
      assert.equal(hashOf(reversed(one) as JsonObject), hashOf(one));
    }),
    { numRuns: 400 },
  );
});

test("arguments that are no JSON are never hashed", () => {
  for (const amount of [NaN, Infinity, -Infinity]) {
    assert.throws(() => hashAction({ ...action, arguments: { amount } }));
  }
});

const tool: ToolDefinition = {
  server: "erp",
  name: "pay_invoice",
  description: "Pays an invoice.",
  inputSchema: { type: "object", properties: { a: { type: "string", maxLength: 5 } }, required: ["a"] },
  outputSchema: null,
  annotations: { readOnlyHint: false },
};

const redefinitions: readonly (readonly [name: string, change: object])[] = [
  ["the server", { server: "erq" }],
  ["the name", { name: "pay_invoices" }],
  ["one character of the description", { description: "Pays an invoice!" }],
  ["an invisible character", { description: "Pays an\u200b invoice." }],
  [
    "a bound",
    { inputSchema: { type: "object", properties: { a: { type: "string", maxLength: 6 } }, required: ["a"] } },
  ],
  [
    "what is required",
    { inputSchema: { type: "object", properties: { a: { type: "string", maxLength: 5 } }, required: [] } },
  ],
  [
    "a default",
    {
      inputSchema: {
        type: "object",
        properties: { a: { type: "string", maxLength: 5, default: "x" } },
        required: ["a"],
      },
    },
  ],
  ["the result", { outputSchema: {} }],
  ["an annotation", { annotations: { readOnlyHint: true } }],
];

for (const [name, change] of redefinitions) {
  test(`a tool is another one when ${name} changes`, () =>
    assert.notEqual(hashTool({ ...tool, ...change }), hashTool(tool)));
}

test("a tool is the same one in another order of keys, and when its server writes half a character", () => {
  assert.equal(hashTool(reversed(tool) as ToolDefinition), hashTool(tool));
  const broken = { ...tool, description: "\ud800", inputSchema: { "\udc00": 1 } };
  assert.match(hashTool(broken), /^[0-9a-f]{64}$/);
  assert.notEqual(hashTool(broken), hashTool(tool));
});

test("an action, a tool and a call of the same JSON never share a hash", () => {
  assert.notEqual(hashAction(action), hashTool(action as unknown as ToolDefinition));
});

test("a call has the same id at the same place and another one at any other", () => {
  assert.match(callIdOf("t", 1, 2, 3), /^call_[0-9a-f]{24}$/);
  assert.equal(callIdOf("t", 1, 2, 3), callIdOf("t", 1, 2, 3));
  const places: readonly Parameters<typeof callIdOf>[] = [
    ["t", 1, 2, 3],
    ["u", 1, 2, 3],
    ["t", 2, 2, 3],
    ["t", 1, 3, 3],
    ["t", 1, 2, 4],
    ["t1", 2, 3, 1],
    ["t,1", 2, 3, 1],
  ];
  assert.equal(new Set(places.map((place) => callIdOf(...place))).size, places.length);
});
