import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json, JsonObject } from "../../boundary.ts";
import { contract as contractSchema } from "../manifest/schema.ts";
import { listArguments, toCedar, type ArgumentType } from "./cedar-arguments.ts";

const contractOf = (more: object = {}) => contractSchema.parse({ effect: "local", authority: ["x"], ...more });
const defs: JsonObject = { color: { enum: ["red", "blue"] }, self: { $ref: "#/$defs/self" } };

/** Schema of `x`, and the type that policies see; undefined where they cannot see it. */
const typed: readonly (readonly [schema: JsonObject, type: ArgumentType | undefined])[] = [
  [{ type: "string" }, "String"],
  [{ type: "integer" }, "Long"],
  [{ type: "number" }, "decimal"],
  [{ type: "boolean" }, "Boolean"],
  [{ type: ["string", "null"] }, "String"],
  [{ type: ["string", "integer"] }, undefined],
  [{ type: "null" }, undefined],
  [{ type: "object" }, undefined],
  [{}, undefined],
  [{ enum: ["a", "b"] }, "String"],
  [{ enum: ["a", null] }, "String"],
  [{ enum: ["a", 1] }, undefined],
  [{ enum: [1, 2] }, "Long"],
  [{ enum: [1, 2.5] }, undefined],
  [{ const: true }, "Boolean"],
  [{ const: null }, undefined],
  [{ anyOf: [{ type: "string" }, { type: "null" }] }, "String"],
  [{ anyOf: [{ type: "string" }, { type: "integer" }] }, undefined],
  [{ oneOf: [{ type: "integer" }, { const: 7 }] }, "Long"],
  [{ $ref: "#/$defs/color" }, "String"],
  [{ $ref: "#/$defs/self" }, undefined],
  [{ $ref: "#/$defs/constructor" }, undefined],
  [{ type: "constructor" }, undefined],
  [{ type: "array", items: { type: "string" } }, "Set of String"],
  [{ type: "array", items: { type: "integer" } }, "Set of Long"],
  [{ type: "array", items: { type: "number" } }, undefined],
  [{ type: "array", items: { type: ["string", "null"] } }, undefined],
  [{ type: "array", items: { type: "array", items: { type: "string" } } }, undefined],
  [{ type: "array" }, undefined],
];

for (const [schema, type] of typed) {
  test(`${JSON.stringify(schema)} is ${type ?? "nothing that a policy can see"}`, () => {
    const whole: JsonObject = { type: "object", properties: { x: schema }, required: ["x"], $defs: defs };
    assert.deepEqual(
      listArguments(contractOf(), whole).map((one) => one.type),
      type === undefined ? [] : [type],
    );
  });
}

/** What says that `x` must be given; one step away it may be missing. */
const required: readonly (readonly [contract: object, schema: JsonObject, isRequired: boolean])[] = [
  [{}, { type: "string" }, false],
  [{ bind: { x: "a" }, authority: [] }, { type: "string" }, true],
  [{ max: { x: 5 } }, { type: "integer" }, true],
  [{ only: { x: ["a"] } }, { type: "string" }, true],
  [{ total: { x: { per_day: 5 } } }, { type: "integer" }, false],
];

for (const [contract, schema, isRequired] of required) {
  test(`an argument under ${Object.keys(contract).join() || "authority"} ${isRequired ? "is always there" : "may be missing"}`, () => {
    const whole = { type: "object", properties: { x: schema } };
    assert.deepEqual(
      listArguments(contractOf(contract), whole).map((one) => one.isRequired),
      [isRequired],
    );
  });
}

test("one that the server requires is there, unless it may be null; without a schema nobody knows", () => {
  const ask = (x: JsonObject) =>
    listArguments(contractOf(), { type: "object", properties: { x }, required: ["x"] })[0]?.isRequired;
  assert.deepEqual([ask({ type: "string" }), ask({ type: ["string", "null"] })], [true, false]);
  assert.deepEqual(listArguments(contractOf(), undefined), [{ name: "x", type: undefined, isRequired: true }]);
});

test("bounds on calls are no arguments, nor are names that Cedar's JSON takes for something else", () => {
  const contract = contractOf({ authority: ["x", "__entity", "__proto__"], max: { per_day: 3, per_turn: 1 } });
  assert.deepEqual(
    listArguments(contract, undefined).map(({ name }) => name),
    ["x"],
  );
});

/** A value that fits its type, and one that is a step away. */
const values: readonly (readonly [type: ArgumentType, fits: Json, unfit: Json])[] = [
  ["Long", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1],
  ["Long", -3, -3.5],
  ["Long", 1, "1"],
  ["Boolean", false, 0],
  ["String", "", null],
  ["decimal", 12.3456, 12.345_67],
  ["decimal", 99_999_999_999.5, 100_000_000_000],
  ["Set of String", ["a", ""], ["a", 1]],
  ["Set of Long", [], "1"],
];

for (const [type, fits, unfit] of values) {
  test(`${JSON.stringify(fits)} is a ${type}, ${JSON.stringify(unfit)} is none`, () => {
    assert.notEqual(toCedar(fits, type), undefined);
    assert.equal(toCedar(unfit, type), undefined);
  });
}

test("a decimal is exactly the number that was sent, or none", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (number) => {
      const made = toCedar(number, "decimal") as { __extn: { arg: string } } | undefined;
      return made === undefined || (Number(made.__extn.arg) === number && /^-?\d+\.\d{4}$/.test(made.__extn.arg));
    }),
  );
});
