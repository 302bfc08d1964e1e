// Untrusted text, private data and a way out that nobody watches: any two deploy, three do not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findCombination } from "./combination.ts";
import { lintCombination, lintMode } from "./lint-combination.ts";
import { manifestSchema } from "./schema.ts";

interface Parts {
  readonly tools?: object;
  readonly records?: object;
  readonly server?: object;
  readonly egress?: object;
  readonly mode?: string;
}

function parse({ tools = {}, records = {}, server = {}, egress = {}, mode = "enforce" }: Parts) {
  const model = { provider: "anthropic", base_url: "https://api.example.com/v1", name: "m" };
  return manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model }, mode, records, egress },
    servers: { web: { url: "https://erp.example.com/mcp", tools, ...server } },
  });
}

const view = (returns: object = {}) => ({ file: "a", sql: "select 1", returns });
const page = { effect: "read", returns: { text: "untrusted" } };
const send = { effect: "outward", authority: ["to", "kind"], returns: { id: "record" } };
const unsafe = { tools: { page, send }, records: { customers: view() } };
const withSend = (more: object): Parts => ({ ...unsafe, tools: { page, send: { ...send, ...more } } });

test("all three together do not deploy, and the tool, the three parts and the fix are named", () => {
  const [found, ...more] = lintCombination(parse(unsafe));
  assert.deepEqual([found?.level, found?.field, more], ["error", "servers.web.tools.send", []]);
  assert.match(found?.message ?? "", /servers\.web\.tools\.page.*records\.customers.*\(review\), or bound it \(max/);
});

const still: readonly (readonly [name: string, parts: Parts])[] = [
  ["a bound on one of two authority arguments", withSend({ only: { to: ["a@acme.example"] } })],
  ["a bound on an argument that is no authority", withSend({ only: { subject: ["x"] } })],
  ["untrusted columns of a view", { ...unsafe, tools: { send }, records: { customers: view({ note: "untrusted" }) } }],
  ["a tool whose result has no named field", { ...unsafe, tools: { send, note: { effect: "local" } } }],
  ["a read with a credential", { tools: { page, send }, server: { credential: { secret: "k", as: "bearer" } } }],
  [
    "a read at an internal address",
    { tools: { page, send }, server: { url: "https://10.0.0.1/mcp" }, egress: { allow_internal: ["10.0.0.1:443"] } },
  ],
];

for (const [name, parts] of still) {
  test(`${name} does not make it safe`, () => assert.equal(lintCombination(parse(parts)).length, 1));
}

const safe: readonly (readonly [name: string, parts: Parts])[] = [
  ["a person decides", withSend({ review: { by: "ops" } })],
  ["impact waits for a person", withSend({ impact: "customer" })],
  ["what cannot be undone waits for a person", withSend({ effect: "irreversible" })],
  ["nothing leaves", withSend({ effect: "reversible" })],
  ["calls a turn are bounded", withSend({ max: { per_turn: 1 } })],
  ["calls of a user are bounded", withSend({ max: { per_user: 1 } })],
  ["calls a day are bounded", withSend({ max: { per_day: 1 } })],
  ["every authority argument is bounded", withSend({ only: { to: ["a@acme.example"] }, max: { kind: 1 } })],
  ["no private data", { tools: { page, send } }],
  ["no untrusted text", { ...unsafe, tools: { send } }],
  ["no way out", { ...unsafe, tools: { page } }],
];

for (const [name, parts] of safe) {
  test(`it deploys: ${name}`, () => assert.deepEqual(lintCombination(parse(parts)), []));
}

test("which tool gives which of the three", () => {
  assert.deepEqual(findCombination(parse(unsafe)), {
    untrusted: ["servers.web.tools.page"],
    private: ["records.customers"],
    unwatched: ["servers.web.tools.send"],
  });
});

test("observed, no way out is watched, and the file is judged as it will be enforced", () => {
  const observed = parse({ ...withSend({ review: { by: "ops" } }), mode: "observe" });
  assert.deepEqual(findCombination(observed).unwatched, ["servers.web.tools.send"]);
  assert.deepEqual(lintCombination(observed), []);
  assert.equal(lintCombination(parse({ ...unsafe, mode: "observe" })).length, 1);
});

test("observe mode is a warning, enforce is none", () => {
  assert.deepEqual(
    lintMode(parse({ mode: "observe" })).map(({ level, field }) => [level, field]),
    [["warning", "mode"]],
  );
  assert.deepEqual(lintMode(parse({})), []);
});
