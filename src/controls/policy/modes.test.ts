// Freeze, observe mode, unattended mode and the overlay: what holds in every mode, and what only an enforcing gate does.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../boundary.ts";
import { contract as contractSchema } from "../manifest/schema.ts";
import { decideCall } from "./decide.ts";
import { contextOf, usedOf } from "./fixtures/context.ts";
import type { OverlayInput } from "./overlay.ts";
import type { Decision, PolicyContext } from "./question.ts";
import { parseToolSchema } from "./tool-schema.ts";

const parsed = parseToolSchema(
  { type: "object", properties: { cents: { type: "number" }, tenant: { type: "string" } } },
  "pay",
);
const schema = "reason" in parsed ? assert.fail(parsed.message) : parsed;
const contract = contractSchema.parse({
  ...{ effect: "outward", authority: ["cents"], bind: { tenant: "acme" } },
  ...{ max: { cents: 10, per_day: 1 }, only: { cents: [5, 11] } },
});
const spending = contractSchema.parse({ effect: "outward", impact: "spend", authority: ["cents"] });
const refusal = { control: "workflow", reason: "policy_denied", field: "policy", message: "forbidden" } as const;

function decide(more: Partial<PolicyContext> = {}, args: JsonObject = { cents: 5 }): Decision {
  const call = { callId: "c", server: "erp", tool: "pay", arguments: args };
  return decideCall(call, contextOf({ contract, schema, ...more }));
}

/** The verdict, or the reason of a refusal, and who decided. */
function wordsOf({ verdict, decidedBy }: Decision): string {
  return `${verdict.verdict === "refuse" ? verdict.refusal.reason : verdict.verdict} by ${decidedBy}`;
}

const observe = { mode: "observe" } as const;
const broken = { decide: () => assert.fail("no such attribute") };
const forbids = { decide: () => refusal };
const silent = { decide: () => undefined };

const rows: readonly (readonly [name: string, more: Partial<PolicyContext>, words: string, args?: JsonObject])[] = [
  ["nothing is against it", {}, "allow by effect.outward"],
  ["frozen", { frozen: "an alert" }, "frozen by freeze"],
  ["frozen, with a tool that does not exist", { frozen: "x", contract: undefined }, "frozen by freeze"],
  ["unattended, with nothing to decide", { unattended: true }, "allow by effect.outward"],
  ["with impact", { contract: spending }, "review by impact"],
  ["with impact and unattended", { contract: spending, unattended: true }, "unattended by unattended"],
  ["an overlay that says nothing", { overlay: silent }, "allow by effect.outward"],
  ["an overlay that says nothing of a call with impact", { contract: spending, overlay: silent }, "review by impact"],
  ["an overlay that forbids", { overlay: forbids }, "policy_denied by policy"],
  [
    "an overlay that forbids what waits for a person",
    { contract: spending, overlay: forbids },
    "policy_denied by policy",
  ],
  ["an overlay that throws", { overlay: broken }, "policy_failed by policy"],
  ["an overlay that throws at what is refused already", { overlay: broken }, "value_not_allowed by only", { cents: 6 }],
];

for (const [name, more, words, args] of rows) {
  test(`${name}: ${words}`, () => {
    const decision = decide(more, args);
    assert.equal(wordsOf(decision), words);
    assert.equal(decision.would, null);
  });
}

/** In observe mode: what happens, and what enforcing would have said. */
const observed: readonly (readonly [
  name: string,
  more: Partial<PolicyContext>,
  would: string | null,
  args?: JsonObject,
])[] = [
  ["nothing is against it", {}, null],
  ["a value that is not allowed", {}, "value_not_allowed", { cents: 6 }],
  ["too much", {}, "limit_reached", { cents: 11 }],
  ["too often", { used: usedOf({ per_day: 1 }) }, "limit_reached"],
  ["a negative amount", { contract: { ...contract, only: {} } }, "bad_arguments", { cents: -1 }],
  ["impact", { contract: spending }, "review"],
  ["impact, unattended", { contract: spending, unattended: true }, "unattended"],
  ["an overlay that forbids", { overlay: forbids }, "policy_denied"],
  ["an overlay that throws", { overlay: broken }, "policy_failed"],
];

for (const [name, more, would, args] of observed) {
  test(`observed and let through: ${name}`, () => {
    const decision = decide({ ...observe, ...more }, args);
    assert.equal(decision.verdict.verdict, "allow");
    const said = decision.would?.verdict === "refuse" ? decision.would.refusal.reason : decision.would?.verdict;
    assert.equal(said ?? null, would);
    const enforced = decide(more, args).verdict;
    const same = enforced.verdict === "refuse" ? enforced.refusal.reason : enforced.verdict;
    assert.equal(same, would ?? "allow", "enforcing says just that");
  });
}

const facts: readonly (readonly [name: string, more: Partial<PolicyContext>, words: string, args?: JsonObject])[] = [
  ["a frozen deployment", { frozen: "x" }, "frozen by freeze"],
  ["a tool that does not exist", { contract: undefined }, "unknown_tool by named"],
  ["a changed tool", { schema: undefined }, "tool_quarantined by pinned"],
  ["a tool that its server no longer has", { schema: undefined, isAbsent: true }, "tool_absent by pinned"],
  ["a bound argument", {}, "bad_arguments by bind", { cents: 5, tenant: "globex" }],
  ["an argument that the tool does not have", {}, "bad_arguments by schema", { cents: 5, memo: "x" }],
];

for (const [name, more, words, args] of facts) {
  test(`observe mode does not let through: ${name}`, () => {
    assert.equal(wordsOf(decide({ ...observe, ...more }, args)), words);
    assert.equal(wordsOf(decide(more, args)), words);
  });
}

test("each rule that was asked is told, in order, and none after the one that refused", () => {
  const names = (decision: Decision) => decision.rules.map(({ rule, outcome }) => `${rule} ${outcome}`).join(", ");
  assert.equal(
    names(decide({ contract: spending, overlay: silent })),
    "freeze ok, named ok, pinned ok, bind ok, schema ok, only ok, max ok, count ok, total ok, " +
      "impact review, irreversible ok, review ok, unattended ok, policy ok",
  );
  const over = decide({}, { cents: 11 });
  assert.equal(names(over), "freeze ok, named ok, pinned ok, bind ok, schema ok, only ok, max refuse");
  const { field, message } = over.rules.at(-1) ?? assert.fail();
  assert.deepEqual([field, message], ["cents", 'argument "cents" is 11, over the limit of 10 in the deployment file']);
});

test("an overlay sees the call as it would run, and nothing that was refused", () => {
  const seen: OverlayInput[] = [];
  const overlay = { decide: (input: OverlayInput) => void seen.push(input) };
  const used = usedOf({ per_day: 0, per_turn: 3 });
  decide({ overlay, used, approvals: ["eve"] });
  decide({ overlay, used }, { cents: 11 });
  const place = { user: "amy", channel: "api", thread: "api:amy:t", turn: 1 };
  const call = {
    server: "erp",
    tool: "pay",
    arguments: { cents: 5, tenant: "acme" },
    effect: "outward",
    impact: "none",
  };
  assert.deepEqual(seen, [{ ...call, ...place, used, approvals: ["eve"] }]);
});
