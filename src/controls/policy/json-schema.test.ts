// Each keyword of JSON Schema with its exact meaning: what fits, and what is refused one step away.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseJsonSchema } from "./json-schema.ts";
import type { Rule } from "./schema-rules.ts";

function parse(schema: unknown): Rule {
  const rule = parseJsonSchema(schema);
  if (typeof rule === "string") assert.fail(rule);
  return rule;
}

const fits = (schema: unknown, value: unknown): boolean => parse(schema)(value, "", { left: 100_000 }) === undefined;

/** Schema, a value that fits, and one that does not, one step away. */
const rows: readonly (readonly [schema: unknown, fits: unknown, refused: unknown])[] = [
  [{ type: "string" }, "", 0],
  [{ type: "integer" }, 2 ** 53 - 1, 2 ** 53],
  [{ type: "integer" }, 1, 1.5],
  [{ type: "number" }, 1.5, "1.5"],
  [{ type: "boolean" }, false, 0],
  [{ type: "null" }, null, false],
  [{ type: "array" }, [], {}],
  [{ type: "object" }, {}, []],
  [{ type: "object" }, {}, null],
  [{ type: ["integer", "null"], maximum: 5 }, null, 6],
  [{ enum: ["a", 1, null] }, 1, "1"],
  [{ enum: [1, 2, 3], maximum: 2 }, 2, 3],
  [{ const: 0 }, -0, 1],
  [{ const: "a" }, "a", ["a"]],
  [{ minLength: 2 }, "ab", "\u{1f600}"],
  [{ maxLength: 1 }, "\u{1f600}", "ab"],
  [{ maxLength: 1 }, ["not", "text"], "ab"],
  [{ pattern: "^a" }, "ab", "ba"],
  [{ pattern: "^a" }, 7, "b"],
  [{ format: "email" }, "a@b.example", "a@b.example, c@d.example"],
  [{ format: "uri" }, "https://a.example/x", "a.example/x"],
  [{ format: "uuid" }, "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-00000000000"],
  [{ format: "date" }, "2024-02-29", "2023-02-29"],
  [{ format: "date-time" }, "2024-02-29T00:00:00+01:00", "2024-02-29T00:00:00"],
  [{ format: "email", maxLength: 9999 }, `${"a".repeat(60)}@b.example`, `${"a".repeat(2040)}@b.example`],
  [{ minimum: 1 }, 1, 0.99],
  [{ maximum: 5000 }, 5000, 5000.01],
  [{ minimum: 5, maximum: 6 }, "no number, no bound", 100],
  [{ exclusiveMinimum: 0 }, 0.01, 0],
  [{ exclusiveMaximum: 0 }, -0.01, 0],
  [{ multipleOf: 0.01 }, 0.3, 0.305],
  [{ multipleOf: 0.1 }, 0.3, 0.31],
  [{ multipleOf: 5 }, 1e21, 7],
  [{ multipleOf: 1e-7 }, 3e-7, 3.5e-7],
  [{ minItems: 1 }, [1], []],
  [{ maxItems: 1 }, [1], [1, 2]],
  [
    { uniqueItems: true },
    [1, "1", [1], { a: 1 }],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
  ],
  [{ uniqueItems: false }, [1, 1], undefined],
  [{ items: { type: "string" } }, ["a"], ["a", 1]],
  [{ prefixItems: [{ type: "string" }], items: false }, ["a"], ["a", "b"]],
  [{ prefixItems: [{ type: "string" }, { type: "number" }] }, ["a", 1, {}], ["a", "b"]],
  [{ required: ["a"] }, { a: undefined }, { b: 1 }],
  [{ required: ["toString"] }, { toString: 1 }, {}],
  [{ properties: { a: { type: "string" } } }, { b: 1 }, { a: 1 }],
  [{ properties: { constructor: { type: "string" }, toString: { type: "string" } } }, {}, { constructor: 1 }],
  [{ properties: { a: false } }, {}, { a: 1 }],
  [{ properties: { a: {} }, additionalProperties: false }, { a: 1 }, { a: 1, b: 1 }],
  [{ additionalProperties: { type: "string" } }, { a: "a" }, { a: "a", b: 1 }],
  [{ additionalProperties: false }, {}, { constructor: 1 }],
  [{ propertyNames: { pattern: "^a" } }, { a: 1 }, { b: 1 }],
  [{ minProperties: 1 }, { a: 1 }, {}],
  [{ maxProperties: 1 }, { a: 1 }, { a: 1, b: 1 }],
  [{ anyOf: [{ required: ["a"] }, { required: ["b"] }] }, { b: 1 }, { c: 1 }],
  [{ oneOf: [{ type: "number" }, { type: "integer" }] }, 1.5, 1],
  [{ oneOf: [{ type: "string" }, { type: "number" }] }, 1, true],
  [{ allOf: [{ properties: { a: {} }, additionalProperties: false }, { required: ["a"] }] }, { a: 1 }, { a: 1, b: 1 }],
  [{ description: { deep: true }, title: 1, default: "x", "x-own": [], $comment: "", type: "string" }, "", 1],
  [true, "anything", undefined],
  [{}, [{ a: null }], undefined],
];

for (const [schema, good, bad] of rows) {
  test(`${JSON.stringify(schema)} fits ${JSON.stringify(good)}, not ${JSON.stringify(bad)}`, () => {
    assert.equal(fits(schema, good), true);
    if (bad !== undefined) assert.equal(fits(schema, bad), false);
  });
}

test("a default stands for nothing: what is required has to be there", () => {
  const schema = { type: "object", properties: { a: { type: "string", default: "x" } }, required: ["a"] };
  const value = {};
  assert.deepEqual(parse(schema)(value, "", { left: 100 }), { field: "a", message: "is missing" });
  assert.deepEqual(value, {});
});

test("a fault names the place, from the top", () => {
  const schema = { properties: { to: { items: { properties: { "a.b": { type: "string" } } } } } };
  assert.equal(parse(schema)({ to: [{}, { "a.b": 1 }] }, "", { left: 100 })?.field, "to.1.a.b");
  assert.equal(parse({ anyOf: [{ type: "string" }] })(1, "x", { left: 100 })?.message, "must be of type string");
  assert.match(
    parse({ anyOf: [{ type: "string" }, { type: "null" }] })(1, "x", { left: 100 })?.message ?? "",
    /none of the 2/,
  );
});

/** Schemas that constrain in a way that is not checked here, or that say nothing a reader could rely on. */
const unusable: readonly (readonly [schema: unknown, words: RegExp, twin: unknown])[] = [
  [{ $ref: "#" }, /uses a \$ref/, { properties: { $ref: { type: "string" } } }],
  [{ items: { $ref: "https://evil.example/x" } }, /uses a \$ref/, { default: { $ref: "#" } }],
  [{ $dynamicRef: "#" }, /uses \$dynamicRef/, { $dynamicAnchor: "a" }],
  [{ not: {} }, /uses not/, { properties: { not: {} } }],
  [{ if: false, else: false }, /uses if/, { properties: { if: {} } }],
  [{ patternProperties: { "^a": {} } }, /uses patternProperties/, { properties: { patternProperties: {} } }],
  [{ dependentRequired: { a: ["b"] } }, /uses dependentRequired/, { required: ["a"] }],
  [{ unevaluatedProperties: false }, /uses unevaluatedProperties/, { additionalProperties: false }],
  [{ contains: { const: 1 } }, /uses contains/, { items: { const: 1 } }],
  [{ items: [{}] }, /items as a list/, { prefixItems: [{}] }],
  [{ type: "strings" }, /type that does not exist/, { type: "string" }],
  [{ type: "constructor" }, /type that does not exist/, { const: "constructor" }],
  [{ type: [] }, /type that does not exist/, { type: ["null"] }],
  [{ enum: "a" }, /not a list/, { enum: ["a"] }],
  [{ enum: [{ a: 1 }] }, /of objects/, { enum: [1] }],
  [{ const: ["a", "b"] }, /of objects/, { enum: ["a", "b"] }],
  [{ minimum: "1" }, /not a number/, { minimum: 1 }],
  [{ minimum: 0, exclusiveMinimum: true }, /not a number/, { exclusiveMinimum: 0 }],
  [{ pattern: 1 }, /not text/, { pattern: "1" }],
  [{ pattern: "(?=a)" }, /look-around/, { pattern: "(?:a)" }],
  [{ propertyNames: { pattern: "(a)\\1" } }, /back-reference/, { propertyNames: { pattern: "aa" } }],
  [{ required: "a" }, /not a list/, { required: ["a"] }],
  [{ properties: ["a"] }, /not an object/, { properties: { a: true } }],
  [{ properties: { a: "string" } }, /not a schema/, { properties: { a: { type: "string" } } }],
  [{ items: null }, /not a schema/, { items: {} }],
  [{ anyOf: [] }, /empty/, { anyOf: [{}] }],
  [{ oneOf: {} }, /no list/, { oneOf: [true] }],
];

for (const [schema, words, twin] of unusable) {
  test(`${JSON.stringify(schema)} is unusable, ${JSON.stringify(twin)} is not`, () => {
    const parsed = parseJsonSchema(schema);
    assert.match(typeof parsed === "string" ? parsed : "usable", words);
    assert.equal(typeof parseJsonSchema(twin), "function");
  });
}

const levels = (depth: number): unknown => (depth === 0 ? {} : { items: levels(depth - 1) });

test("seventeen levels of schema are unusable, sixteen are not", () => {
  assert.match(String(parseJsonSchema(levels(17))), /nested deeper than 16/);
  assert.equal(typeof parseJsonSchema(levels(16)), "function");
});

test("a used up budget refuses, also where every form was tried and one fits", () => {
  const many = { items: { anyOf: [...Array.from({ length: 99 }, () => ({ type: "null" })), { type: "number" }] } };
  const value = new Array<number>(100).fill(1);
  assert.equal(parse(many)(value, "", { left: 1_000_000 }), undefined);
  for (const left of [0, 1, 10, 500, 5000]) {
    assert.match(parse(many)(value, "", { left })?.message ?? "", /takes too long/, `${left}`);
  }
});

const scalars = fc.constantFrom<unknown>("", "a", "ab", 0, 1, -1, 1.5, true, null);
const schemas = fc.letrec<{ schema: unknown }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc.boolean(),
    fc.record(
      {
        type: fc.constantFrom("string", "number", "integer", "null", "array", "object"),
        enum: fc.uniqueArray(scalars, { minLength: 1, maxLength: 3 }),
        maximum: fc.integer({ min: -1, max: 2 }),
        maxLength: fc.nat(2),
        items: tie("schema"),
        required: fc.constantFrom([], ["a"], ["a", "b"]),
        properties: fc.dictionary(fc.constantFrom("a", "b"), tie("schema"), { maxKeys: 2 }),
        additionalProperties: tie("schema"),
      },
      { requiredKeys: [] },
    ),
  ),
})).schema;
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    scalars,
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 2 }),
  ),
})).value;

test("allOf, anyOf and oneOf say what their parts say together", () => {
  fc.assert(
    fc.property(schemas, schemas, values, (one, two, value) => {
      const [first, second] = [fits(one, value), fits(two, value)];
      assert.equal(fits({ allOf: [one, two] }, value), first && second);
      assert.equal(fits({ anyOf: [one, two] }, value), first || second);
      assert.equal(fits({ oneOf: [one, two] }, value), first !== second);
    }),
    { numRuns: 2000 },
  );
});

test("looking changes nothing in the value, and a smaller budget never lets more through", () => {
  fc.assert(
    fc.property(schemas, values, fc.nat(20), (schema, value, left) => {
      const before = JSON.stringify(value);
      const rule = parse({ allOf: [schema] });
      const fault = rule(value, "", { left: 100_000 });
      if (fault) assert.ok(rule(value, "", { left }), "let through with less");
      assert.equal(JSON.stringify(value), before);
    }),
    { numRuns: 2000 },
  );
});

test("a reference into the schema's own definitions is followed, beside its other keywords", () => {
  const schema = { $defs: { city: { type: "string", maxLength: 5 } }, $ref: "#/$defs/city", minLength: 2 };
  assert.equal(faultOf(schema, "Ghent"), undefined);
  assert.match(faultOf(schema, "Ghents") ?? "", /more characters/);
  assert.match(faultOf(schema, "G") ?? "", /fewer characters/);
  assert.match(faultOf({ definitions: schema.$defs, items: { $ref: "#/definitions/city" } }, [1]) ?? "", /type string/);
});

test("a reference that leads nowhere, out of the schema, to the prototype or back to itself is unusable", () => {
  for (const $ref of [
    "#/$defs/b",
    "#",
    "#/$defs/a/items",
    "other.json#/$defs/a",
    "#/$defs/__proto__",
    "#/$defs/constructor",
    7,
  ]) {
    assert.match(String(parseJsonSchema({ $defs: { a: {} }, items: { $ref } })), /uses a \$ref/);
  }
  const loop = { $defs: { a: { items: { $ref: "#/$defs/a" } } }, $ref: "#/$defs/a" };
  assert.match(String(parseJsonSchema(loop)), /refers to itself/);
});

test("references that multiply are counted, so that a short schema cannot become a long one", () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 15 }, (_, n) => [
      `d${n}`,
      { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
    ]),
  );
  assert.match(
    String(parseJsonSchema({ $defs: { ...$defs, d15: {} }, $ref: "#/$defs/d0" })),
    /nested deeper|more than 5000/,
  );
  const wide = {
    $defs: {
      a: { allOf: Array.from({ length: 80 }, () => ({ $ref: "#/$defs/b" })) },
      b: { allOf: Array.from({ length: 80 }, () => ({})) },
    },
    $ref: "#/$defs/a",
  };
  assert.match(String(parseJsonSchema(wide)), /more than 5000 schemas/);
});

/** The message of the first fault of `value`. */
function faultOf(schema: unknown, value: unknown): string | undefined {
  const rule = parseJsonSchema(schema);
  assert.equal(typeof rule, "function", String(rule));
  return (rule as Rule)(value, "", { left: 100_000 })?.message;
}
