// Where values came from: nothing gets a trusted label that the contract did not give it.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json, Origin } from "../../boundary.ts";
import { labelResult } from "./label.ts";

const returns: { readonly [field: string]: Origin } = { id: "record", iban: "record", body: "untrusted" };
const labels = (value: Json, fallback: Origin = "untrusted"): Record<string, Origin> =>
  Object.fromEntries(labelResult(value, returns, fallback, "1/2/call_1").map(({ path, origin }) => [path, origin]));

test("a field has the label of the contract, an unnamed one the default", () => {
  assert.deepEqual(labels({ id: 7, body: "pay me", note: "x" }), {
    "$.id": "record",
    "$.body": "untrusted",
    "$.note": "untrusted",
  });
  assert.deepEqual(labels({ id: 7, note: "x" }, "record"), { "$.id": "record", "$.note": "record" });
});

test("rows of a list, and a list in a wrapper, are labelled by field", () => {
  assert.deepEqual(labels({ messages: [{ id: 1, body: "a" }] }), {
    "$.messages.0.id": "record",
    "$.messages.0.body": "untrusted",
  });
  assert.deepEqual(labels([{ id: 1 }, { ID: 1 }]), { "$.0.id": "record", "$.1.ID": "untrusted" });
});

test("a text, a number and nothing at all have the default", () => {
  for (const value of ["x", 1, true, null]) assert.deepEqual(labels(value), { $: "untrusted" });
  assert.deepEqual(labels({}), {});
  assert.deepEqual(labels([]), {});
});

test("a trusted name inside an untrusted field is refused its label, at any depth", () => {
  assert.deepEqual(labels({ body: { id: "evil" } }), { "$.body.id": "untrusted" });
  assert.deepEqual(labels({ body: [{ deep: { iban: "evil" } }] }), { "$.body.0.deep.iban": "untrusted" });
  assert.deepEqual(labels({ body: { id: "evil" } }, "record"), { "$.body.id": "untrusted" });
});

test("an untrusted name inside a trusted field is untrusted", () => {
  assert.deepEqual(labels({ id: { body: "x", other: "y" } }), { "$.id.body": "untrusted", "$.id.other": "record" });
});

test("a name that every object has is refused a label of its own", () => {
  const value = JSON.parse(`{"constructor":"a","toString":"b","__proto__":"c","hasOwnProperty":{"id":"d"}}`) as Json;
  assert.deepEqual(Object.values(labels(value)), ["untrusted", "untrusted", "untrusted", "record"]);
});

test("an index of a list is no field", () => {
  assert.deepEqual(
    labelResult(["a"], { "0": "record" }, "untrusted", "s").map(({ origin }) => origin),
    ["untrusted"],
  );
  assert.deepEqual(
    labelResult({ "0": "a" }, { "0": "record" }, "untrusted", "s").map(({ origin }) => origin),
    ["record"],
  );
});

test("the 501st value has no label, and the 500th has", () => {
  const rows = Array.from({ length: 501 }, (_, id) => ({ id }));
  const kept = labelResult(rows, returns, "untrusted", "s");
  assert.equal(kept.length, 500);
  assert.equal(kept.at(-1)?.path, "$.499.id");
});

test("nesting and long texts are cut, and every label says where it came from", () => {
  const deep = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`) as Json;
  assert.deepEqual(labelResult(deep, returns, "untrusted", "s"), [
    { path: `$${".0".repeat(9)}`, origin: "untrusted", source: "s", value: null },
  ]);
  assert.deepEqual(labelResult({ id: "x".repeat(300) }, returns, "untrusted", "1/2/call_1"), [
    { path: "$.id", origin: "record", source: "1/2/call_1", value: "x".repeat(200) },
  ]);
});

test("whatever a server answers: without a name in the contract nothing is trusted, and there are at most 500 labels", () => {
  const keys = fc.constantFrom("a", "body", "constructor", "__proto__");
  const { value: values } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom<Json>("x", 1, null),
      fc.array(tie("value")),
      fc.dictionary(keys, tie("value")),
    ),
  }));
  const widened: Record<string, Origin> = { ...returns, a: "record" };
  fc.assert(
    fc.property(values, (value) => {
      const made = labelResult(value, returns, "untrusted", "s");
      assert.ok(made.length <= 500 && made.every(({ origin }) => origin === "untrusted"));
      assert.deepEqual(
        labelResult({ body: value }, widened, "record", "s").filter(({ origin }) => origin !== "untrusted"),
        [],
      );
    }),
    { numRuns: 1000 },
  );
});
