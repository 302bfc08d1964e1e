import assert from "node:assert/strict";
import { test } from "node:test";
import { findings, untypedTools } from "./fixtures/cedar.ts";

const pay = `principal, action == Action::"pay_invoice", resource`;

/** A policy that is taken; the same one step away; where and why that is refused. */
const twins: readonly (readonly [fits: string, refused: string, words: string])[] = [
  [
    `forbid(${pay}) when { context.args.amount_cents > 5 };`,
    `forbid(${pay}) when { context.args.amount_cent > 5 };`,
    `policy.cedar:1:69: attribute \`args.amount_cent\` in context for Action::"pay_invoice" not found: did you mean \`amount_cents\`?`,
  ],
  [
    `forbid(${pay}) when { context.approved < 2 };`,
    `forbid(${pay}) when { context.aproved < 2 };`,
    `policy.cedar:1:69: attribute \`aproved\` in context for Action::"pay_invoice" not found: did you mean \`approved\`?`,
  ],
  [
    `// ein Käfer\n  forbid(${pay});`,
    `// ein Käfer\n  forbid(principal, action == Action::"pay_invoic", resource);`,
    `policy.cedar:2:31: unrecognized action \`Action::"pay_invoic"\`: did you mean \`Action::"pay_invoice"\`?`,
  ],
  [
    `forbid(principal, action in Action::"impact:spend", resource);`,
    `forbid(principal, action in Action::"impact:spent", resource);`,
    `policy.cedar:1:29: unrecognized action \`Action::"impact:spent"\`: did you mean \`Action::"impact:spend"\`?`,
  ],
  [
    `forbid(principal in Group::"temps", action, resource);`,
    `forbid(principal in Group::"temp", action, resource);`,
    `policy.cedar:1:21: entity \`Group::"temp"\` is of an enumerated entity type`,
  ],
  [
    `forbid(principal, action, resource == Server::"erp");`,
    `forbid(principal, action, resource == Server::"crm");`,
    `policy.cedar:1:39: entity \`Server::"crm"\` is of an enumerated entity type`,
  ],
  [
    `forbid(principal == User::"amy@example.com", action, resource);`,
    `forbid(principal == User::"Amy@example.com", action, resource);`,
    `policy.cedar:1:1: names of people are in lower case here: write User::"amy@example.com"`,
  ],
  [
    `forbid(${pay}) when { context.args has memo && context.args.memo like "*x" };`,
    `forbid(${pay}) when { context.args.memo like "*x" };`,
    `policy.cedar:1:69: unable to guarantee safety of access to optional attribute \`args.memo\` in context for Action::"pay_invoice": try testing`,
  ],
  [
    `forbid(principal, action, resource) when { context.args has body };`,
    `forbid(principal, action, resource) when { context.args has bodi };`,
    "policy.cedar:1:1: policy is impossible",
  ],
  [
    `forbid(${pay}) when { context.args.amount_cents > 5 };`,
    `forbid(${pay}) when { context.args.amount_cents > "5" };`,
    "policy.cedar:1:97: unexpected type: expected Long but saw String",
  ],
  [
    `forbid(${pay}) when { context.args has rate && context.args.rate.greaterThan(decimal("1.5")) };`,
    `forbid(${pay}) when { context.args has rate && context.args.rate > 1 };`,
    "policy.cedar:1:94: unexpected type: expected Long",
  ],
  [
    `forbid(${pay}) when { context.args has tags && context.args.tags.contains("x") };`,
    `forbid(${pay}) when { context.args has extra };`,
    "policy.cedar:1:1: policy is impossible",
  ],
  [
    `forbid(${pay}) when { context.args has tags };`,
    `forbid(${pay}) when { context.args.extra == 5 };`,
    `policy.cedar:1:69: policies cannot see the argument "extra" of pay_invoice: its schema gives it no single plain type`,
  ],
  [
    `forbid(${pay}) when { context.user == "amy" };`,
    `forbid(${pay}) when { context.args == context.args };`,
    "policy.cedar:1:1: takes context or context.args as a whole",
  ],
  [`forbid(${pay});`, `forbid(${pay})`, "policy.cedar:1:61: unexpected end of input"],
  [
    `forbid(principal, action, resource == Server::"erp");`,
    `forbid(principal == ?principal, action, resource);`,
    "policy.cedar:1:21: ",
  ],
  [
    `@id("a") forbid(${pay});\n@id("b") forbid(${pay});`,
    `@id("a") forbid(${pay});\n@id("a") forbid(${pay});`,
    `policy.cedar:2:1: the id "a" is that of the policy in line 1`,
  ],
  [
    `forbid(${pay}) when { context.args.invoice == "inv" };`,
    `forbid(${pay}) when { context.args.invoice == "іnv" };`,
    'policy.cedar:1:93: string `"іnv"` contains mixed scripts',
  ],
];

for (const [fits, refused, words] of twins) {
  test(`${refused.split("\n").at(-1)} is refused, one step beside it is not`, () => {
    assert.deepEqual(findings(fits), []);
    const [first = "nothing"] = findings(refused);
    assert.ok(first.startsWith(`error ${words}`), first);
  });
}

test("a permit is a warning: it changes nothing", () => {
  const [first, ...others] = findings("permit(principal, action, resource);");
  assert.match(first ?? "", /^warning policy\.cedar:1:1: a permit changes nothing/);
  assert.deepEqual(others, []);
});

test("without the servers' schemas a type is not a fault, a name that no contract has is", () => {
  const typed = `forbid(${pay}) when { context.args.invoice like "x*" && context.args.amount_cents > 5 };`;
  assert.deepEqual(findings(typed, untypedTools), []);
  assert.deepEqual(findings(typed.replace(`like "x*"`, "> 7"), untypedTools), []);
  assert.match(findings(typed.replace(`like "x*"`, "> 7"))[0] ?? "", /1:69: unexpected type: expected Long/);
  assert.match(
    findings(typed.replace("args.invoice", "args.invoise"), untypedTools)[0] ?? "",
    /did you mean `invoice`/,
  );
  // What the file itself binds is typed by its value.
  assert.match(findings(`forbid(${pay}) when { context.args.tenant > 7 };`, untypedTools)[0] ?? "", /expected Long/);
});

test("what would overrun Cedar's stack never reaches it, and it goes on", () => {
  const deep = `forbid(${pay}) when { ${"(".repeat(500)}true${")".repeat(500)} };`;
  assert.match(findings(deep)[0] ?? "", /more than 24 brackets/);
  const long = `forbid(${pay}) when { ${"context.approved > 9 || ".repeat(1000)}true };`;
  assert.match(findings(long)[0] ?? "", /more than 150 operators/);
  assert.deepEqual(findings(`forbid(${pay});`), []);
});

test("the deepest and longest that is read is also checked", () => {
  const deep = `${"(".repeat(20)}context.approved > 9${")".repeat(20)}`;
  const text = `forbid(${pay}) when { ${`${deep} || `.repeat(1)}${"context.approved > 9 || ".repeat(60)}true };`;
  assert.deepEqual(findings(text), []);
});

test("more policies and tools than a health check waits for are refused", () => {
  const [one] = untypedTools;
  const many = (count: number) => Array.from({ length: count }, (_, n) => ({ ...one!, tool: `view_${n}` }));
  const all = "forbid(principal, action, resource);";
  assert.deepEqual(findings(all, many(1000)), []);
  assert.match(findings(all, many(1001))[0] ?? "", /36 characters for 1001 tools and views are too much/);
  assert.deepEqual(findings(all.padEnd(3000), many(1000)), []);
  assert.match(findings(all.padEnd(3001), many(1000))[0] ?? "", /3001 characters for 1000 tools/);
});
