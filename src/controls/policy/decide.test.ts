// May this call happen: every allow with its refused twin one step away.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject, ToolCall } from "../../boundary.ts";
import { contract as contractSchema, type Contract } from "../manifest/schema.ts";
import { decideCall } from "./decide.ts";
import { contextOf } from "./fixtures/context.ts";
import { parseToolSchema, type ToolSchema } from "./tool-schema.ts";

function parse(schema: unknown): ToolSchema {
  const tool = parseToolSchema(schema, "pay_invoice");
  if ("reason" in tool) assert.fail(tool.message);
  return tool;
}

const schema = parse({
  type: "object",
  properties: {
    tenant: { type: "string" },
    invoice_id: { type: "string" },
    amount_cents: { type: "number" },
    constructor: { type: "string" },
    discount: {},
  },
  required: ["tenant", "invoice_id"],
});
const contract = contractSchema.parse({
  effect: "reversible",
  authority: ["invoice_id", "amount_cents"],
  bind: { tenant: "acme" },
  max: { amount_cents: 500_000, per_day: 20 },
});
const context = contextOf({ contract, schema });
const good = { invoice_id: "inv_1", amount_cents: 500_000 };
const call = (args: unknown, tool = "pay_invoice"): ToolCall => ({
  callId: "call_1",
  server: "erp",
  tool,
  arguments: args as JsonObject,
});
const json = (text: string): JsonObject => JSON.parse(text) as JsonObject;

test("the call that is allowed runs with the operator's arguments added", () => {
  const decision = decideCall(call(good), context);
  assert.deepEqual(decision.verdict, { verdict: "allow", rule: "effect.reversible" });
  assert.deepEqual(decision.arguments, { ...good, tenant: "acme" });
});

/** Each is one step away from the call that is allowed. */
const refused: readonly (readonly [name: string, args: JsonObject, reason: string, field: string])[] = [
  ["a bound argument", { ...good, tenant: "globex" }, "bad_arguments", "tenant"],
  ["a bound argument with its own value", { ...good, tenant: "acme" }, "bad_arguments", "tenant"],
  ["a bound argument as null", { ...good, tenant: null }, "bad_arguments", "tenant"],
  ["a bound argument in another case", { ...good, Tenant: "globex" }, "bad_arguments", "Tenant"],
  ["a bound argument with a blank", { ...good, "tenant ": "globex" }, "bad_arguments", "tenant "],
  [
    "a bound argument under __proto__",
    json(`{"invoice_id":"i","amount_cents":1,"__proto__":{"tenant":"globex"}}`),
    "bad_arguments",
    "__proto__",
  ],
  ["an argument that does not exist", { ...good, memo: "x" }, "bad_arguments", "memo"],
  ["a missing argument", { amount_cents: 1 }, "bad_arguments", "invoice_id"],
  ["one cent more", { ...good, amount_cents: 500_001 }, "limit_reached", "amount_cents"],
  ["a hundredth of a cent more", { ...good, amount_cents: 500_000.01 }, "limit_reached", "amount_cents"],
  ["very much more", { ...good, amount_cents: 1e308 }, "limit_reached", "amount_cents"],
  ["endlessly more", json(`{"invoice_id":"inv_1","amount_cents":1e999}`), "bad_arguments", "amount_cents"],
  ["less than nothing", { ...good, amount_cents: -0.01 }, "bad_arguments", "amount_cents"],
  ["NaN", { ...good, amount_cents: NaN }, "bad_arguments", "amount_cents"],
  ["an amount as text", { ...good, amount_cents: "500000" }, "bad_arguments", "amount_cents"],
  ["an amount as a small text", { ...good, amount_cents: "1" }, "bad_arguments", "amount_cents"],
  ["an amount in a list", { ...good, amount_cents: [1] }, "bad_arguments", "amount_cents"],
  ["an amount as null", { ...good, amount_cents: null }, "bad_arguments", "amount_cents"],
  ["true as an amount", { ...good, amount_cents: true }, "bad_arguments", "amount_cents"],
  ["no amount where it has a limit", { invoice_id: "inv_1" }, "bad_arguments", "amount_cents"],
  ["half a character", json(`{"invoice_id":"\\udc00","amount_cents":1}`), "bad_arguments", "invoice_id"],
];

for (const [name, args, reason, field] of refused) {
  test(`${name} is refused`, () => {
    const { verdict, arguments: kept } = decideCall(call(args), context);
    assert.equal(verdict.verdict, "refuse");
    assert.deepEqual([verdict.refusal.reason, verdict.refusal.field], [reason, field]);
    assert.equal(kept, args, "nothing of the operator's is added to a call that does not run");
  });
}

const allowed: readonly (readonly [name: string, args: JsonObject])[] = [
  ["exactly the limit", good],
  ["nothing", { ...good, amount_cents: 0 }],
  ["a fraction, where the tool takes fractions", { ...good, amount_cents: 0.5 }],
  ["an argument of the prototype's name that the tool has", { ...good, constructor: "x" }],
];

for (const [name, args] of allowed) {
  test(`${name} is allowed`, () => assert.equal(decideCall(call(args), context).verdict.verdict, "allow"));
}

test("a limit applies where the schema lets anything pass, and to names every object has", () => {
  const limited = contextOf({ schema, contract: { ...contract, max: { discount: 5, constructor: 5 } } });
  const reason = (args: JsonObject): string => {
    const { verdict } = decideCall(call(args), limited);
    return verdict.verdict === "refuse" ? `${verdict.refusal.reason} ${verdict.refusal.field}` : verdict.verdict;
  };
  assert.equal(reason({ ...good, discount: "5" }), "bad_arguments discount");
  assert.equal(reason({ ...good, discount: { amount: 5 } }), "bad_arguments discount");
  assert.equal(reason({ ...good, discount: 5 }), "bad_arguments constructor");
  assert.equal(reason({ ...good, discount: 6 }), "limit_reached discount");
  const { verdict } = decideCall(call({ ...good, discount: 5 }), limited);
  assert.match(verdict.verdict === "refuse" ? verdict.refusal.message : "", /"constructor".*so it must be given/);
});

test("a tool that is not named does not exist, whatever is pinned", () => {
  for (const tool of ["delete_invoice", "constructor", "__proto__", "", "pay_invoice "]) {
    const { verdict } = decideCall(call({}, tool), contextOf({ contract: undefined, schema }));
    assert.equal(verdict.verdict === "refuse" && verdict.refusal.reason, "unknown_tool");
  }
});

test("a tool that is named and not pinned is quarantined, with the command that helps", () => {
  const { verdict } = decideCall(call(good), contextOf({ contract, schema: undefined }));
  assert.equal(verdict.verdict === "refuse" && verdict.refusal.reason, "tool_quarantined");
  assert.match(verdict.verdict === "refuse" ? verdict.refusal.message : "", /ambit tools ls/);
});

/** What waits for a person, and the twin that does not. */
const reviews: readonly (readonly [waits: object, rule: string, twin: object])[] = [
  [{ effect: "local", impact: "spend" }, "impact", { effect: "local", impact: "none" }],
  [{ effect: "reversible", impact: "access" }, "impact", { effect: "reversible" }],
  [{ effect: "outward", impact: "publish" }, "impact", { effect: "outward" }],
  [{ effect: "outward", impact: "customer" }, "impact", { effect: "outward", impact: "none" }],
  [{ effect: "irreversible" }, "irreversible", { effect: "reversible" }],
  [{ effect: "irreversible", impact: "none" }, "irreversible", { effect: "outward", impact: "none" }],
  [{ effect: "read", review: { by: "finance" } }, "review", { effect: "read" }],
  [{ effect: "irreversible", impact: "spend", review: { by: "finance" } }, "impact", { effect: "local" }],
];

for (const [waits, rule, twin] of reviews) {
  test(`${JSON.stringify(waits)} waits for a person, ${JSON.stringify(twin)} does not`, () => {
    const decide = (parts: object) =>
      decideCall(
        call({ invoice_id: "i" }),
        contextOf({ schema, contract: contractSchema.parse({ ...parts, bind: { tenant: "acme" } }) }),
      );
    const { verdict } = decide(waits);
    assert.deepEqual([verdict.verdict, verdict.verdict === "review" && verdict.rule], ["review", rule]);
    assert.equal(decide(twin).verdict.verdict, "allow");
  });
}

test("a refusal comes before a person is asked: nobody approves what cannot run", () => {
  const spending: Contract = { ...contract, effect: "irreversible", impact: "spend" };
  assert.equal(decideCall(call(good), contextOf({ schema, contract: spending })).verdict.verdict, "review");
  assert.equal(
    decideCall(call({ ...good, amount_cents: 500_001 }), contextOf({ schema, contract: spending })).verdict.verdict,
    "refuse",
  );
});

const anyArguments = fc.dictionary(
  fc.constantFrom("tenant", "invoice_id", "amount_cents", "discount", "constructor", "memo", "__proto__"),
  fc.oneof(fc.double(), fc.string(), fc.integer(), fc.constantFrom(null, true, "acme")),
);

test("whatever a model sends: the bound value stands, the limit holds, and nothing refused is called allowed", () => {
  fc.assert(
    fc.property(anyArguments, (made) => {
      const args: JsonObject = { ...made };
      const before = { ...args };
      const { verdict, arguments: run } = decideCall(call(args), context);
      assert.deepEqual(args, before);
      if (verdict.verdict === "refuse") return;
      assert.equal(run["tenant"], "acme");
      assert.ok(!Object.hasOwn(args, "tenant") && !Object.hasOwn(args, "memo") && !Object.hasOwn(run, "__proto__"));
      const amount = run["amount_cents"];
      assert.ok(typeof amount === "number" && amount >= 0 && amount <= 500_000);
      const again = decideCall(call(args), context);
      assert.deepEqual([again.verdict, again.arguments], [verdict, run]);
    }),
    { numRuns: 3000 },
  );
});

test("impact, an effect that cannot be undone, and a review never go without a person", () => {
  const effects = fc.constantFrom("read", "local", "reversible", "outward", "irreversible");
  const impacts = fc.constantFrom("none", "spend", "access", "publish", "customer");
  fc.assert(
    fc.property(effects, impacts, fc.boolean(), (effect, impact, hasReview) => {
      const parts = { effect, impact, bind: { tenant: "acme" }, ...(hasReview ? { review: { by: "finance" } } : {}) };
      const { verdict } = decideCall(
        call({ invoice_id: "i" }),
        contextOf({ schema, contract: contractSchema.parse(parts) }),
      );
      const needsPerson = impact !== "none" || effect === "irreversible" || hasReview;
      assert.equal(verdict.verdict, needsPerson ? "review" : "allow");
    }),
  );
});
