// A tool server's schema and a model's arguments, both hostile: what is refused when the tool is pinned, what is refused
// when it is called, and that neither can spin or crash the gate.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject, Refusal } from "../../boundary.ts";
import { canonicalJson } from "../manifest/hash.ts";
import { badArguments, maxSchemaChars, parseToolSchema, withoutProperties, type ToolSchema } from "./tool-schema.ts";

const object = (properties: object, more: object = {}): unknown => ({ type: "object", properties, ...more });
const parsed = (text: string): JsonObject => JSON.parse(text) as JsonObject;

function parse(schema: unknown): ToolSchema {
  const tool = parseToolSchema(schema, "pay");
  if ("reason" in tool) assert.fail(tool.message);
  return tool;
}

function refusalOf(schema: unknown): Refusal {
  const tool = parseToolSchema(schema, "pay");
  if (!("reason" in tool)) assert.fail("the schema was accepted");
  return tool;
}

const payment = object(
  {
    invoice_id: { type: "string", minLength: 1, maxLength: 64 },
    iban: { type: "string", maxLength: 34, pattern: "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$" },
    amount_cents: { type: "integer", minimum: 1, maximum: 1_000_000_000 },
    lines: {
      type: "array",
      maxItems: 2,
      items: { type: "object", properties: { text: { type: "string" } }, additionalProperties: false },
    },
    note: {},
  },
  { required: ["invoice_id", "iban", "amount_cents"], $schema: "https://json-schema.org/draft/2020-12/schema" },
);
const good = { invoice_id: "inv_1", iban: "DE89370400440532013000", amount_cents: 500_000 };

test("arguments that fit are let through, with and without the optional ones", () => {
  assert.equal(parse(payment).check(good), undefined);
  assert.equal(parse(payment).check({ ...good, lines: [{ text: "a" }, {}], note: [{ any: null }] }), undefined);
});

/** Each is one step away from `good`. JSON text where JSON.stringify would not write it. */
const refused: readonly (readonly [name: string, args: string, field: string])[] = [
  ["a missing argument", JSON.stringify({ invoice_id: "inv_1", iban: good.iban }), "amount_cents"],
  ["an argument too many", JSON.stringify({ ...good, memo: "x" }), "memo"],
  ["an argument of the prototype", JSON.stringify({ ...good, constructor: 1 }), "constructor"],
  ["__proto__ as an argument", `{"__proto__":{"amount_cents":1},"invoice_id":"inv_1"}`, "__proto__"],
  ["another case", JSON.stringify({ ...good, Iban: good.iban }), "Iban"],
  ["an amount as text", JSON.stringify({ ...good, amount_cents: "500000" }), "amount_cents"],
  ["half a cent", JSON.stringify({ ...good, amount_cents: 0.5 }), "amount_cents"],
  ["nothing", JSON.stringify({ ...good, amount_cents: 0 }), "amount_cents"],
  ["less than nothing", JSON.stringify({ ...good, amount_cents: -1 }), "amount_cents"],
  ["null", JSON.stringify({ ...good, amount_cents: null }), "amount_cents"],
  ["a list of one amount", JSON.stringify({ ...good, amount_cents: [1] }), "amount_cents"],
  ["an endless amount", `{"amount_cents":1e999,"invoice_id":"inv_1"}`, "amount_cents"],
  ["a text that does not match", JSON.stringify({ ...good, iban: "de89370400440532013000" }), "iban"],
  ["a line break after a match", JSON.stringify({ ...good, iban: `${good.iban}\n` }), "iban"],
  ["one character too many", JSON.stringify({ ...good, invoice_id: "x".repeat(65) }), "invoice_id"],
  ["one item too many", JSON.stringify({ ...good, lines: [{}, {}, {}] }), "lines"],
  ["a nested member too many", JSON.stringify({ ...good, lines: [{ tex: "" }] }), "lines.0.tex"],
  ["a nested __proto__", `{"invoice_id":"inv_1","lines":[{"__proto__":{"text":"x"}}]}`, "lines.0"],
  ["half a character where anything goes", `{"invoice_id":"inv_1","note":{"a":["\\ud800"]}}`, "note.a.0"],
  ["an endless number where anything goes", `{"invoice_id":"inv_1","note":-1e999}`, "note"],
  ["a text over 100,000 characters", JSON.stringify({ ...good, note: "x".repeat(100_000) }), "note"],
  ["forty levels", `{"note":${"[".repeat(40)}${"]".repeat(40)}}`, `note${".0".repeat(32)}`],
];

for (const [name, args, field] of refused) {
  test(`${name} is refused and named`, () => {
    const refusal = parse(payment).check(parsed(args));
    assert.equal(refusal?.reason, "bad_arguments");
    assert.equal(refusal.control, "least-privilege");
    assert.equal(refusal.field, field);
    assert.ok(refusal.message.includes(`"${field}"`), refusal.message);
  });
}

test("just under the limits of size and depth is let through", () => {
  assert.equal(parse(payment).check({ ...good, note: "x".repeat(99_999) }), undefined);
  assert.equal(parse(payment).check({ ...good, ...parsed(`{"note":${"[".repeat(32)}${"]".repeat(32)}}`) }), undefined);
});

test("forty thousand levels and other shapes that end a stack are refused, not thrown", () => {
  for (const deep of [
    `${"[".repeat(40_000)}${"]".repeat(40_000)}`,
    `${`{"a":`.repeat(20_000)}1${"}".repeat(20_000)}`,
  ]) {
    assert.equal(parse(payment).check({ ...good, ...parsed(`{"note":${deep}}`) })?.reason, "bad_arguments");
  }
});

test("a name that a model chose is not repeated beyond 200 characters, nor broken in a pair", () => {
  const refusal = parse(payment).check({ ["\u{1f600}".repeat(5000)]: 1 });
  assert.ok((refusal?.field?.length ?? 0) <= 200);
  assert.ok(refusal?.message.isWellFormed());
  assert.ok(badArguments(`a${"\u{1f600}".repeat(100)}`, "x").message.isWellFormed());
});

/** Schemas that cannot be pinned, and the twin that can. */
const unusable: readonly (readonly [name: string, schema: unknown, words: RegExp, twin: unknown])[] = [
  ["no schema", undefined, /not JSON/, object({})],
  ["null", null, /not a schema of type object/, { type: "object" }],
  ["a list", [object({})], /not a schema of type object/, object({})],
  ["a schema of no type", { properties: {} }, /not a schema of type object/, object({})],
  ["a schema of two types", { type: ["object", "null"] }, /not a schema of type object/, object({})],
  ["true", true, /not a schema of type object/, object({ a: true })],
  [
    "a reference that leads out of the schema",
    object({ a: { $ref: "https://evil.example/a" } }, { $defs: { a: {} } }),
    /uses a \$ref/,
    object({ a: { $ref: "#/$defs/a" } }, { $defs: { a: {} } }),
  ],
  [
    "a property named __proto__",
    JSON.parse(`{"type":"object","properties":{"__proto__":{}}}`),
    /forbidden name/,
    object({ constructor: {} }),
  ],
  [
    "half a character",
    object({ a: { description: "\ud800" } }),
    /half a character/,
    object({ a: { description: "\u{1f600}" } }),
  ],
  [
    "an endless bound",
    JSON.parse(`{"type":"object","properties":{"a":{"maximum":1e999}}}`),
    /not a number/,
    object({ a: { maximum: 1e308 } }),
  ],
  ["a back-reference", object({ a: { pattern: "(a)\\1" } }), /back-reference/, object({ a: { pattern: "(a)a" } })],
  ["patterns of 6,000 states", object({ a: { pattern: "a{6000}" } }), /too large/, object({ a: { pattern: "a{60}" } })],
  [
    "sixty-five levels of anything",
    object({ a: { default: JSON.parse(`${"[".repeat(65)}${"]".repeat(65)}`) } }),
    /nested too deeply/,
    object({ a: { default: [[]] } }),
  ],
];

for (const [name, schema, words, twin] of unusable) {
  test(`${name} cannot be pinned`, () => {
    const refusal = refusalOf(schema);
    assert.equal(refusal.reason, "bad_tool_schema");
    assert.equal(refusal.field, "pay");
    assert.match(refusal.message, words);
    assert.match(refusal.message, /"pay".*simpler/);
    parse(twin);
  });
}

test("a schema of one character over the limit cannot be pinned, one of just the limit can", () => {
  const base = JSON.stringify(object({ a: { description: "" } })).length;
  const sized = (chars: number): unknown => object({ a: { description: "x".repeat(chars - base) } });
  parse(sized(maxSchemaChars));
  assert.match(refusalOf(sized(maxSchemaChars + 1)).message, /over 65536 characters/);
  const escaped = object({ a: { description: "\u0001".repeat(20_000) } });
  assert.match(refusalOf(escaped).message, /over 65536 characters/);
});

test("fifty megabytes and two million levels are refused at once, not thrown", () => {
  const began = process.cpuUsage();
  refusalOf(object({ a: { description: "x".repeat(50_000_000) } }));
  refusalOf(object({ a: new Array<number>(2_000_000).fill(1) }));
  refusalOf(object({ a: JSON.parse(`${"[".repeat(2_000_000)}${"]".repeat(2_000_000)}`) as unknown }));
  assert.ok(process.cpuUsage(began).user / 1000 < 3000);
});

/** A schema within its limits and arguments within theirs that a check without a budget would not come back from. */
const explosions: readonly (readonly [name: string, schema: unknown, args: JsonObject])[] = [
  [
    "3,000 forms for each of 40,000 items",
    object({ a: { items: { anyOf: Array.from({ length: 3000 }, () => ({ type: "null" })) } } }),
    { a: new Array<number>(40_000).fill(1) },
  ],
  [
    "1,500 forms that each read all members",
    object({ a: { anyOf: Array.from({ length: 1500 }, () => ({ additionalProperties: { type: "null" } })) } }),
    { a: Object.fromEntries(Array.from({ length: 15_000 }, (_, at) => [`k${at}`, 1])) },
  ],
  [
    "2,000 forms that each compare all items",
    object({ a: { oneOf: Array.from({ length: 2000 }, () => ({ uniqueItems: true, maxItems: 1 })) } }),
    { a: Array.from({ length: 10_000 }, (_, at) => at) },
  ],
  [
    "hundreds of patterns on one long text",
    object({ a: { oneOf: Array.from({ length: 300 }, (_, at) => ({ pattern: `(a+)+${at}$` })) } }),
    { a: "a".repeat(99_000) },
  ],
  [
    "a pattern on each of 190 long texts",
    object({ a: { items: { pattern: "^a*a*a*a*b" } } }),
    { a: new Array<string>(190).fill("a".repeat(500)) },
  ],
  [
    "twelve levels of two forms each",
    object({ a: Array.from({ length: 12 }).reduce<object>((inner) => ({ oneOf: [inner, inner] }), { type: "null" }) }),
    { a: 1 },
  ],
];

for (const [name, schema, args] of explosions) {
  test(`${name} is refused in bounded time`, () => {
    const began = process.cpuUsage();
    const tool = parseToolSchema(schema, "pay");
    const refusal = "reason" in tool ? tool : tool.check(args);
    assert.ok(refusal);
    const spent = process.cpuUsage(began).user / 1000;
    assert.ok(spent < 3000, `${spent} ms`);
  });
}

test("a schema of nothing but large patterns is parsed or refused quickly", () => {
  const began = process.cpuUsage();
  refusalOf(object(Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`p${at}`, { pattern: "\\w{99}" }]))));
  parse(object(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`p${at}`, { pattern: "\\w{99}" }]))));
  assert.ok(process.cpuUsage(began).user / 1000 < 2000);
});

test("checking never changes the arguments: a default is not filled in and nothing is stripped or turned", () => {
  const tool = parse(
    object({ a: { type: "string", default: "operator" }, n: { type: "number" }, o: { properties: {} } }),
  );
  const args = { n: 1, o: { left: "as it is" } };
  const before = canonicalJson(args);
  assert.equal(tool.check(args), undefined);
  assert.equal(canonicalJson(args), before);
  assert.equal(Object.hasOwn(args, "a"), false);
});

test("what is hidden from the model is in neither properties nor required, and the pinned schema stays whole", () => {
  const schema = object(
    { tenant: {}, a: {} },
    { required: ["tenant", "a"], additionalProperties: false },
  ) as JsonObject;
  const before = canonicalJson(schema);
  const shown = withoutProperties(schema, ["tenant"]);
  assert.deepEqual(shown, { type: "object", properties: { a: {} }, required: ["a"], additionalProperties: false });
  assert.ok(!JSON.stringify(shown).includes("tenant"));
  assert.equal(canonicalJson(schema), before);
  assert.deepEqual(withoutProperties({ type: "object" }, ["tenant"]), { type: "object", properties: {}, required: [] });
});

test("arguments that pass can always be hashed, and never hold a name the schema does not have", () => {
  const tool = parse(object({ a: {}, b: { type: "string" }, constructor: {} }));
  const names = fc.constantFrom("a", "b", "c", "constructor", "__proto__", "toString");
  fc.assert(
    fc.property(fc.dictionary(names, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 3 }), (value) => {
      const args = parsed(JSON.stringify(value));
      if (tool.check(args)) return;
      assert.ok(canonicalJson(args));
      assert.ok(Object.keys(args).every((name) => tool.properties.includes(name)));
    }),
    { numRuns: 1000 },
  );
});

test("anything at all is a tool or a refusal, never an exception", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.jsonValue().map((value) => object({ a: value })),
      ),
      (schema) => {
        const tool = parseToolSchema(schema, "pay");
        assert.ok("reason" in tool || tool.check({}) === undefined || tool.check({}) !== null);
      },
    ),
    { numRuns: 2000 },
  );
});
