// Bounds over one call and over many: each allow with its refused twin one step away, and what holds whatever is sent.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../boundary.ts";
import { contract as contractSchema } from "../manifest/schema.ts";
import { decideCall } from "./decide.ts";
import { contextOf, usedOf } from "./fixtures/context.ts";
import type { PolicyContext } from "./question.ts";
import { parseToolSchema } from "./tool-schema.ts";
import { windows, type Figures, type Window } from "./used.ts";

const parsed = parseToolSchema(
  {
    type: "object",
    properties: { cents: {}, currency: {}, to: { type: "string" }, constructor: {}, n: { type: "number" } },
  },
  "pay",
);
const schema = "reason" in parsed ? assert.fail(parsed.message) : parsed;
const authority = ["cents", "currency", "to", "constructor"];

type Asked = readonly [args: JsonObject, given: Given];
type Given = { bounds: object; used?: PolicyContext["used"]; more?: Partial<PolicyContext> };

/** `allow`, `review`, or reason and field of the refusal. */
function decide(args: JsonObject, { bounds, used, more = {} }: Given): string {
  const contract = contractSchema.parse({ effect: "reversible", authority, ...bounds });
  const context = contextOf({ contract, schema, ...(used ? { used } : {}), ...more });
  const { verdict } = decideCall({ callId: "c", server: "erp", tool: "pay", arguments: args }, context);
  return verdict.verdict === "refuse" ? `${verdict.refusal.reason} ${verdict.refusal.field}` : verdict.verdict;
}

const json = (text: string): JsonObject => JSON.parse(text) as JsonObject;
const sum = (window: Window, value: number) => usedOf({}, { cents: { [window]: value } });

/** Just under and just over each bound. */
const rows: readonly (readonly [name: string, over: Asked, word: string, under: Asked])[] = [
  ...windows.map(
    (window) =>
      [
        `a call over max.${window}`,
        [{}, { bounds: { max: { [window]: 3 } }, used: usedOf({ [window]: 3 }) }],
        `limit_reached max.${window}`,
        [{}, { bounds: { max: { [window]: 3 } }, used: usedOf({ [window]: 2 }) }],
      ] as const,
  ),
  ...windows.map(
    (window) =>
      [
        `one cent over total.cents.${window}`,
        [{ cents: 41 }, { bounds: { total: { cents: { [window]: 100 } } }, used: sum(window, 60) }],
        `limit_reached total.cents.${window}`,
        [{ cents: 40 }, { bounds: { total: { cents: { [window]: 100 } } }, used: sum(window, 60) }],
      ] as const,
  ),
  [
    "a millionth over a total",
    [{ cents: 0.100001 }, { bounds: { total: { cents: { per_day: 0.3 } } }, used: sum("per_day", 0.2) }],
    "limit_reached total.cents.per_day",
    [{ cents: 0.1 }, { bounds: { total: { cents: { per_day: 0.3 } } }, used: sum("per_day", 0.2) }],
  ],
  [
    "another currency than the one that is allowed",
    [{ currency: "USD" }, { bounds: { only: { currency: ["EUR"] } } }],
    "value_not_allowed currency",
    [{ currency: "EUR" }, { bounds: { only: { currency: ["EUR"] } } }],
  ],
  [
    "a currency in another case",
    [{ currency: "eur" }, { bounds: { only: { currency: ["EUR"] } } }],
    "value_not_allowed currency",
    [{ currency: "CHF" }, { bounds: { only: { currency: ["EUR", "CHF"] } } }],
  ],
  [
    "a number as text among values",
    [{ cents: "5" }, { bounds: { only: { cents: [5] } } }],
    "value_not_allowed cents",
    [{ cents: 5 }, { bounds: { only: { cents: [5] } } }],
  ],
  [
    "an allowed value inside a list",
    [{ currency: ["EUR"] }, { bounds: { only: { currency: ["EUR"] } } }],
    "value_not_allowed currency",
    [{ currency: true }, { bounds: { only: { currency: [true] } } }],
  ],
  [
    "no value where only some are allowed",
    [{}, { bounds: { only: { currency: ["EUR"] } } }],
    "bad_arguments currency",
    [{}, { bounds: {} }],
  ],
  [
    "no value where every object has one of that name",
    [{}, { bounds: { only: { constructor: ["x"] } } }],
    "bad_arguments constructor",
    [{ constructor: "x" }, { bounds: { only: { constructor: ["x"] } } }],
  ],
];

for (const [name, over, word, under] of rows) {
  test(`${name} is refused`, () => {
    assert.equal(decide(...over), word);
    assert.equal(decide(...under), "allow");
  });
}

/** What cannot be added up is no amount, however the tool's own schema reads it. */
const noAmounts: readonly (readonly [name: string, args: JsonObject])[] = [
  ["a negative amount, which would give room back", { cents: -1 }],
  ["a very small negative amount", { cents: -1e-300 }],
  ["a number as text", { cents: "10" }],
  ["an empty text", { cents: "" }],
  ["NaN", { cents: NaN }],
  ["1e400, which is read as endless", json(`{"cents":1e400}`)],
  ["null", { cents: null }],
  ["false", { cents: false }],
  ["an amount in a list", { cents: [10] }],
  ["an amount in an object", { cents: { valueOf: 10 } }],
  ["no amount at all", {}],
  ["seven decimals", { cents: 0.0000001 }],
  ["a number over 2^53", { cents: 2 ** 53 }],
];

for (const [name, args] of noAmounts) {
  test(`${name} is refused under a total`, () => {
    assert.equal(decide(args, { bounds: { total: { cents: { per_day: 1e15 } } } }), "bad_arguments cents");
  });
}

test("an amount named like a member of every object is added up under its own name", () => {
  const given = {
    bounds: { total: { constructor: { per_day: 5 } } },
    used: usedOf({}, { constructor: { per_day: 5 } }),
  };
  assert.equal(decide({ constructor: 1 }, given), "limit_reached total.constructor.per_day");
  assert.equal(decide({}, given), "bad_arguments constructor");
});

test("a total that nobody counted is a bug and lets nothing through", () => {
  const given = { bounds: { total: { cents: { per_day: 5 } } }, used: usedOf({}) };
  assert.throws(() => decide({ cents: 1 }, given), /nobody counted "cents"/);
});

test("nothing is used up by minus zero, and it takes no room", () => {
  assert.equal(decide({ cents: -0 }, { bounds: { total: { cents: { per_day: 0 } } } }), "allow");
});

const amounts = fc.oneof(
  fc.integer({ min: -5, max: 200 }),
  fc.double({ noNaN: false }),
  fc.constantFrom("5", null, true),
);
const figures = (): fc.Arbitrary<Figures> =>
  fc.record({ per_turn: fc.nat(200), per_user: fc.nat(200), per_day: fc.nat(200) });
const bound = fc.option(fc.nat(200), { nil: undefined });
const windowBounds = fc.record({ per_turn: bound, per_user: bound, per_day: bound }).map(withoutUndefined);
const boundsOf = fc
  .record({
    max: fc.tuple(windowBounds, bound).map(([over, cents]) => withoutUndefined({ ...over, cents })),
    total: fc.option(windowBounds, { nil: undefined }).map((cents) => withoutUndefined({ cents })),
    only: fc
      .option(fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 5 }), { nil: undefined })
      .map((cents) => withoutUndefined({ cents })),
    impact: fc.constantFrom("none", "spend"),
  })
  .map((parts): Record<string, unknown> => parts);

function withoutUndefined(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const strictness = ["allow", "review", "refuse"];
const rank = (word: string): number => strictness.indexOf(word.includes(" ") ? "refuse" : word);

test("adding a bound never turns a refusal into an allow, nor a review", () => {
  fc.assert(
    fc.property(boundsOf, boundsOf, amounts, figures(), figures(), (one, other, cents, calls, sums) => {
      const both: Record<string, unknown> = { ...one };
      for (const part of ["max", "total", "only"])
        both[part] = { ...(other[part] as object), ...(one[part] as object) };
      if (other["impact"] !== "none") both["impact"] = other["impact"];
      const used = usedOf(calls, { cents: sums });
      const args = { cents } as JsonObject;
      assert.ok(rank(decide(args, { bounds: both, used })) >= rank(decide(args, { bounds: one, used })));
    }),
    { numRuns: 2000 },
  );
});

test("the more is used up, the less is allowed", () => {
  fc.assert(
    fc.property(boundsOf, amounts, figures(), figures(), fc.nat(50), (bounds, cents, calls, sums, more) => {
      const add = (given: Figures) =>
        Object.fromEntries(windows.map((window) => [window, given[window] + more])) as unknown as Figures;
      const args = { cents } as JsonObject;
      const before = decide(args, { bounds, used: usedOf(calls, { cents: sums }) });
      const after = decide(args, { bounds, used: usedOf(add(calls), { cents: add(sums) }) });
      assert.ok(rank(after) >= rank(before), `${before} became ${after}`);
    }),
    { numRuns: 2000 },
  );
});

test("an overlay never widens, whatever it answers or throws", () => {
  const refusal = { control: "workflow", reason: "policy_denied", message: "no" } as const;
  const overlays = [() => undefined, () => refusal, () => assert.fail("broken"), () => assert.fail()];
  fc.assert(
    fc.property(boundsOf, amounts, figures(), fc.constantFrom(...overlays), (bounds, cents, calls, answer) => {
      const used = usedOf(calls, { cents: calls });
      const args = { cents } as JsonObject;
      const without = decide(args, { bounds, used });
      const asked = decide(args, { bounds, used, more: { overlay: { decide: answer } } });
      if (without.includes(" ")) assert.equal(asked, without);
      else assert.ok(asked === without || asked.startsWith("policy_"), asked);
    }),
    { numRuns: 1000 },
  );
});
