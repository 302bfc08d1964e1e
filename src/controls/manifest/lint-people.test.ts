// Lists of people that could never do what they were written for: each beside the list one step away that can.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lintManifest } from "./lint.ts";
import { manifestSchema } from "./schema.ts";

const base = {
  ...{ version: 1, name: "ab", purpose: "x" },
  agent: {
    instructions: "./i.md",
    model: { provider: "anthropic", base_url: "https://api.example.com/v1", name: "m" },
  },
};
const pay = { effect: "outward", authority: ["to"] };
const reviewed = (by: string, count: number, more: object): object => ({
  servers: { erp: { url: "https://erp.example.com/mcp", tools: { pay: { ...pay, review: { by, count } } } } },
  ...more,
});
const lint = (more: object) => lintManifest(manifestSchema.parse({ ...base, ...more }));
const finance = (...people: string[]): object => ({ approvers: { finance: people } });
const count = "servers.erp.tools.pay.review.count";

/** What is wrong, where and in which words, and the twin in which nothing is. */
const rows: readonly (readonly [name: string, wrong: object, field: string, words: RegExp, right: object])[] = [
  [
    "a review by a role that nobody has",
    reviewed("finance", 1, {}),
    "servers.erp.tools.pay.review.by",
    /no role "finance": add it under approvers/,
    reviewed("finance", 1, finance("fay")),
  ],
  [
    "a review by a name that every object has",
    reviewed("constructor", 1, {}),
    "servers.erp.tools.pay.review.by",
    /no role "constructor"/,
    reviewed("constructor", 1, { approvers: { constructor: ["fay"] } }),
  ],
  [
    "two approvers of one person",
    reviewed("finance", 2, finance("fay")),
    count,
    /asks 2 people, and approvers\.finance has 1/,
    reviewed("finance", 2, finance("fay", "gil")),
  ],
  [
    "two approvers who are one person in another case",
    reviewed("finance", 2, finance("fay@acme.example", "Fay@Acme.example")),
    count,
    /has 1/,
    reviewed("finance", 2, finance("fay@acme.example", "gay@acme.example")),
  ],
  [
    "three approvers of a group of two",
    reviewed("finance", 3, { ...finance("group:fi"), groups: { fi: ["fay", "gil"] } }),
    count,
    /has 2/,
    reviewed("finance", 3, { ...finance("group:fi", "hal"), groups: { fi: ["fay", "gil"] } }),
  ],
  [
    "five approvers of four names",
    reviewed("finance", 5, finance("a1", "b1", "c1", "d1")),
    count,
    /has 4/,
    reviewed("finance", 5, finance("a1", "*@acme.example")),
  ],
  [
    "a role of a group that is not there",
    reviewed("finance", 1, finance("fay", "group:treasury")),
    "approvers.finance.1",
    /no group "treasury": add it under groups/,
    reviewed("finance", 1, { ...finance("fay", "group:treasury"), groups: { treasury: ["gil"] } }),
  ],
  [
    "senders of a group that is not there",
    { channels: { api: { users: ["group:staff"] } } },
    "channels.api.users.0",
    /no group "staff"/,
    { channels: { api: { users: ["group:staff"] } }, groups: { staff: ["amy"] } },
  ],
  [
    "webhook senders of a group that is not there",
    { channels: { webhook: { users: ["group:staff"], secret: "hooks" } } },
    "channels.webhook.users.0",
    /no group "staff"/,
    { channels: { webhook: { users: ["group:staff"], secret: "hooks" } }, groups: { staff: ["amy"] } },
  ],
  [
    "a group of groups",
    { groups: { staff: ["amy", "group:other"], other: ["bob"] } },
    "groups.staff.1",
    /people and no other group/,
    { groups: { staff: ["amy"], other: ["bob"] } },
  ],
];

for (const [name, wrong, field, words, right] of rows) {
  test(`${name}: an error`, () => {
    const found = lint(wrong);
    assert.deepEqual(
      found.map((finding) => [finding.level, finding.field]),
      [["error", field]],
    );
    assert.match(found[0]?.message ?? "", words);
    assert.deepEqual(lint(right), []);
  });
}

test("a list that reaches nobody is an error, whatever stands in it", () => {
  const found = lint({ groups: { empty: ["group:none"] }, channels: { api: { users: ["group:empty"] } } });
  assert.deepEqual(
    found.map(({ level, field }) => `${level} ${field}`),
    ["error groups.empty.0", "error channels.api.users"],
  );
});

test("a role that has too few people besides one who may ask is said, and stops nothing", () => {
  const found = (role: string[], users: string[]) =>
    lint({ ...reviewed("finance", 2, finance(...role)), channels: { api: { users } } });
  const [warning] = found(["fay", "gil@acme.example"], ["*@acme.example"]);
  assert.deepEqual([warning?.level, warning?.field], ["warning", count]);
  assert.match(warning?.message ?? "", /^gil@acme\.example may speak and never counts/);
  assert.deepEqual(found(["fay", "gil@acme.example", "hal"], ["*@acme.example"]), []);
  assert.deepEqual(found(["fay", "gil@other.example"], ["*@acme.example"]), []);
  assert.deepEqual(found(["fay", "*@acme.example"], ["fay"]), []);
});

test("a role that no review is by is said, and stops nothing", () => {
  const found = lint(reviewed("finance", 1, { approvers: { finance: ["fay"], ops: ["gil"] } }));
  assert.deepEqual(
    found.map(({ level, field }) => `${level} ${field}`),
    ["warning approvers.ops"],
  );
});
