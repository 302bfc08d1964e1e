import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../boundary.ts";
import { api, input, judge, manifest, openOverlay, tools } from "./fixtures/cedar.ts";
import { usedOf } from "./fixtures/context.ts";
import { openCedarOverlay } from "./cedar-overlay.ts";
import { parsePolicies } from "./cedar-policies.ts";
import type { CedarApi } from "./cedar-api.ts";
import type { OverlayInput } from "./overlay.ts";

const pay = `principal, action == Action::"pay_invoice", resource`;

type Ask = readonly [args?: JsonObject, more?: Partial<OverlayInput>];

/** A policy, a payment that it lets through, one step away one that it forbids. */
const twins: readonly (readonly [condition: string, allowed: Ask, forbidden: Ask])[] = [
  ["context.args.amount_cents > 100", [{ amount_cents: 100 }], [{ amount_cents: 101 }]],
  [`context.args.invoice like "inv_9*"`, [{ invoice: "inv_1" }], [{ invoice: "inv_91" }]],
  [`context.args has memo`, [{ memo: null }], [{ memo: "" }]],
  [`context.args has rate && context.args.rate.greaterThan(decimal("1.5"))`, [{ rate: 1.5 }], [{ rate: 1.5001 }]],
  [`context.args has tags && context.args.tags.contains("b")`, [{ tags: ["a"] }], [{ tags: ["a", "b"] }]],
  [`context.args.tenant == "globex"`, [{ tenant: "acme" }], [{ tenant: "globex" }]],
  [`principal == User::"bob"`, [{}, { user: "amy" }], [{}, { user: "BOB" }]],
  [`context.user like "*@example.com"`, [{}, { user: "amy@example.org" }], [{}, { user: "Amy@EXAMPLE.com" }]],
  [`principal in Group::"finance"`, [{}, { user: "eve@cfo.example.org" }], [{}, { user: "eve@cfo.example" }]],
  [`context.channel == "mail"`, [{}, { channel: "api" }], [{}, { channel: "mail" }]],
  [
    "context.turn_calls >= 1",
    [{}, { used: usedOf({ per_turn: 0, per_user: 9, per_day: 9 }) }],
    [{}, { used: usedOf({ per_turn: 1, per_user: 9, per_day: 9 }) }],
  ],
  [
    "context.user_calls >= 1",
    [{}, { used: usedOf({ per_turn: 9, per_user: 0, per_day: 9 }) }],
    [{}, { used: usedOf({ per_turn: 9, per_user: 1, per_day: 9 }) }],
  ],
  [
    "context.day_calls >= 1",
    [{}, { used: usedOf({ per_turn: 9, per_user: 9, per_day: 0 }) }],
    [{}, { used: usedOf({ per_turn: 9, per_user: 9, per_day: 1 }) }],
  ],
  [
    "!(context.approved >= 2)",
    [{ amount_cents: 9 }, { approvals: ["eve", "joe"] }],
    [{ amount_cents: 9 }, { approvals: ["eve"] }],
  ],
  [`!context.approvals.contains("cfo")`, [{}, { approvals: ["CFO"] }], [{}, { approvals: ["cto"] }]],
];

for (const [condition, allowed, forbidden] of twins) {
  test(`forbid when ${condition}: one step beside it goes on, on it is refused`, () => {
    const text = `@id("rule")\n@reason("not\nthis")\nforbid(${pay}) when { ${condition} };`;
    assert.equal(judge(text, ...allowed), undefined);
    assert.deepEqual(judge(text, ...forbidden), {
      control: "workflow",
      reason: "forbidden_by_policy",
      message: `forbidden by policy "rule" (policy.cedar:1): not\ufffdthis`,
      field: "policy.cedar",
    });
  });
}

test("actions are grouped by effect and impact, resources are servers", () => {
  const mail = input("mail.send", { to: "a@b.example", body: "hi" });
  const view = input("open_invoices", { tenant: "acme" });
  const refusedBy = (scope: string) => {
    const overlay = openOverlay(`forbid(principal, ${scope});`);
    const calls: OverlayInput[] = [input("pay_invoice", { invoice: "i", amount_cents: 1 }), mail, view];
    return calls.map((call) => overlay.decide(call) !== undefined);
  };
  assert.deepEqual(refusedBy(`action in Action::"impact:spend", resource`), [true, false, false]);
  assert.deepEqual(refusedBy(`action in Action::"effect:outward", resource`), [false, true, false]);
  assert.deepEqual(refusedBy(`action in Action::"effect:read", resource`), [false, false, true]);
  assert.deepEqual(refusedBy(`action, resource == Server::"erp"`), [true, true, false]);
  assert.deepEqual(refusedBy(`action, resource == Server::"records_"`), [false, false, true]);
  assert.deepEqual(refusedBy("action, resource"), [true, true, true]);
});

test("a permit takes nothing away from a forbid, whatever its order", () => {
  const forbid = `forbid(${pay});`;
  assert.equal(judge(`permit(${pay});\n${forbid}`)?.reason, "forbidden_by_policy");
  assert.equal(judge(`${forbid}\npermit(${pay});`)?.reason, "forbidden_by_policy");
  assert.equal(judge(`permit(${pay}) when { context.approved > 9 };`), undefined);
});

test("what speaks of approvals is not asked before there can be some; everything else is", () => {
  const text = `forbid(${pay}) unless { context.approved >= 2 };\nforbid(${pay}) when { context.args.amount_cents > 100 };`;
  const small = { amount_cents: 100 };
  assert.equal(judge(text, small, { approvals: null }), undefined);
  assert.equal(judge(text, small, { approvals: [] })?.message.includes("policy0"), true);
  assert.equal(judge(text, small, { approvals: ["eve", "joe"] }), undefined);
  assert.equal(judge(text, { amount_cents: 101 }, { approvals: null })?.message.includes("policy1"), true);
});

/** Values that no policy can judge: each is refused when a policy speaks of that argument, and not otherwise. */
const unfit: readonly (readonly [name: string, value: JsonObject[string], condition: string])[] = [
  ["amount_cents", 0.5, "context.args.amount_cents > 1000"],
  ["amount_cents", "5", "context.args.amount_cents > 1000"],
  ["amount_cents", 2 ** 53, "context.args.amount_cents > 9007199254740993"],
  ["rate", 1.000_01, `context.args has rate && context.args.rate.greaterThan(decimal("9.0"))`],
  ["rate", 1e300, `context.args has rate && context.args.rate.lessThan(decimal("0.0"))`],
  ["invoice", { __entity: { type: "User", id: "x" } }, `context.args.invoice == "x"`],
  ["tags", ["a", 1], `context.args has tags && context.args.tags.contains("z")`],
  ["tags", Array.from({ length: 1001 }, () => "a"), `context.args has tags && context.args.tags.contains("z")`],
];

for (const [name, value, condition] of unfit) {
  test(`${name} ${JSON.stringify(value).slice(0, 40)} is refused when a policy speaks of it, not otherwise`, () => {
    const refusal = judge(`forbid(${pay}) when { ${condition} };`, { [name]: value });
    assert.deepEqual([refusal?.reason, refusal?.field], ["policy_failed", name]);
    assert.equal(judge(`forbid(${pay}) when { context.channel == "mail" };`, { [name]: value }), undefined);
  });
}

test("an argument that is missing although it must be given is refused", () => {
  const overlay = openOverlay(`forbid(${pay}) when { context.args.amount_cents > 5 };`);
  assert.equal(overlay.decide(input("pay_invoice", { invoice: "i" }))?.reason, "policy_failed");
});

test("a forbid that fails is not skipped: the call is refused", () => {
  const text = `@id("sum") forbid(${pay}) when { context.args.amount_cents + 9223372036854775807 > 1 };`;
  assert.equal(judge(text, { amount_cents: 0 })?.reason, "forbidden_by_policy");
  const failed = judge(text, { amount_cents: 1 });
  assert.equal(failed?.reason, "policy_failed");
  assert.match(failed?.message ?? "", /policy "sum" \(line 1\) failed: integer overflow/);
});

test("texts too long to judge are refused", () => {
  const text = `forbid(principal, action == Action::"mail.send", resource) when { context.args.body like "*secret*" };`;
  const mail = (chars: number) => openOverlay(text).decide(input("mail.send", { to: "a", body: "x".repeat(chars) }));
  assert.equal(mail(8000), undefined);
  assert.match(mail(8200)?.message ?? "", /too long to judge/);
});

test("half a surrogate pair, controls and a name of 10 KB are judged and not thrown over", () => {
  const text = `forbid(${pay}) when { context.user == "x" || context.args.invoice == "y" };`;
  assert.equal(judge(text, { invoice: "a\ud800\0" }, { user: `${"u".repeat(10_000)}\udfff` }), undefined);
});

/** Each as deep or as long as the bounds of cedar-text.ts let it be. */
const largest: readonly (readonly [name: string, condition: string])[] = [
  ["brackets", `${"(".repeat(23)}context.turn_calls < 9${")".repeat(23)}`],
  ["records", `${"{a:".repeat(22)}1${"}".repeat(22)} != {a: 2} || true`],
  ["a chain of or", `${"context.turn_calls > 8 || ".repeat(73)}true`],
  ["a chain of sums", `context.turn_calls${" + 1".repeat(140)} > 9`],
  ["a chain of ifs", `${"if context.turn_calls > 8 then false else ".repeat(73)}true`],
  ["all of it", `${"(true && ".repeat(22)}${"context.turn_calls > 8 || ".repeat(50)}true${")".repeat(22)}`],
];

for (const [name, condition] of largest) {
  test(`the largest policy that is read is also evaluated: ${name}`, () => {
    const text = `forbid(principal, action == Action::"mail.send", resource) when { ${condition} };`;
    const known = input("mail.send", { to: "a", body: "b" });
    assert.equal(openOverlay(text).decide(known)?.reason, "forbidden_by_policy");
    assert.equal(openOverlay(`forbid(${pay});`).decide(known), undefined);
  });
}

test("500 policies are evaluated", () => {
  const text = `forbid(${pay}) when { context.args.amount_cents > 5 };\n`.repeat(500);
  assert.equal(judge(text, { amount_cents: 5 }), undefined);
  assert.equal(judge(text, { amount_cents: 6 })?.reason, "forbidden_by_policy");
});

test("a tool that the overlay does not know is refused", () => {
  const overlay = openOverlay(`forbid(${pay});`);
  const known = input("mail.send", { to: "a", body: "b" });
  assert.equal(overlay.decide(known), undefined);
  assert.equal(overlay.decide({ ...known, tool: "mail.read" })?.reason, "policy_failed");
  assert.equal(overlay.decide({ ...known, server: "crm" })?.reason, "policy_failed");
});

/** What a broken wasm, or an answer of another version, would be. */
const broken: readonly (readonly [name: string, answer: () => unknown])[] = [
  ["a trap", () => assert.fail("unreachable")],
  ["a failure", () => ({ type: "failure", errors: [] })],
  ["a deny without a reason", () => ({ type: "success", response: { decision: "deny", diagnostics: noReason } })],
  ["no decision", () => ({ type: "success", response: { diagnostics: noReason } })],
  ["nothing", () => undefined],
];
const noReason = { reason: [], errors: [] };

for (const [name, answer] of broken) {
  test(`${name} of Cedar is a refusal`, () => {
    const policies = parsePolicies(api, `forbid(${pay});`);
    assert.ok(Array.isArray(policies));
    const odd = { ...api, statefulIsAuthorized: answer } as unknown as CedarApi;
    const overlay = openCedarOverlay({ api: odd, id: `broken ${name}`, manifest, policies, tools });
    assert.equal(overlay.decide(input("mail.send", { to: "a", body: "b" }))?.reason, "policy_failed");
  });
}

test("without a policy nothing is refused", () => {
  assert.equal(judge("// none yet\n"), undefined);
});
