// What each kind of field accepts, and its refused twin one step away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contract, manifestSchema } from "./schema.ts";
import { durationMs } from "./shapes.ts";

const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
const base = { version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model } };
const manifest = (more: object): boolean => manifestSchema.safeParse({ ...base, ...more }).success;
const url = (text: string): boolean => manifest({ agent: { ...base.agent, model: { ...model, base_url: text } } });
const instructions = (path: string): boolean => manifest({ agent: { ...base.agent, instructions: path } });
const credential = (text: string): boolean =>
  manifest({ agent: { ...base.agent, model: { ...model, credential: text } } });
const users = (...list: string[]): boolean => manifest({ channels: { api: { users: list } } });
const tool = (more: object): boolean => contract.safeParse({ effect: "read", ...more }).success;
const toolName = (name: string): boolean =>
  manifest({ servers: { erp: { url: "https://a.example", tools: { [name]: { effect: "read" } } } } });
const record = (more: object): boolean =>
  manifest({ records: { open: { file: "./a.sqlite", sql: "select 1", ...more } } });
const allow = (text: string): boolean => manifest({ egress: { allow: [text] } });
const internal = (text: string): boolean => manifest({ egress: { allow_internal: [text] } });
const name = (text: string): boolean => manifest({ name: text });
const purpose = (text: string): boolean => manifest({ purpose: text });
const reviewFor = (expires: string): boolean => tool({ review: { by: "finance", expires } });
const many = (length: number): string[] => Array.from({ length }, (_, at) => `u${at}`);

type Check = (value: string) => boolean;
const texts: readonly (readonly [field: string, check: Check, accepted: string, refused: string])[] = [
  ["name", name, "ab", "a"],
  ["name", name, `a${"b".repeat(39)}`, `a${"b".repeat(40)}`],
  ["name", name, "a-b", "a-"],
  ["name", name, "a1", "1a"],
  ["name", name, "ab", "aB"],
  ["name", name, "ab", "a.b"],
  ["name", name, "ab", "ab\n"],
  ["purpose", purpose, "Pay. \u{1f600} \u06a9\u200c\u0647", "Pay.\u001b[2K"],
  ["purpose", purpose, "x", ""],
  ["purpose", purpose, "x".repeat(500), "x".repeat(501)],
  ["purpose", purpose, "one line", "two\nlines"],
  ["purpose", purpose, "left to right", "left \u202eto right"],
  ["purpose", purpose, "seen", "un\u200bseen"],
  ["purpose", purpose, "\u{1f600}", "\ud83d"],
  ["purpose", purpose, "tag", "tag\u{e0041}"],
  ["instructions", instructions, "./notes/i.md", "/etc/shadow"],
  ["instructions", instructions, "notes/..i.md", "notes/../../i.md"],
  ["instructions", instructions, "...", ".."],
  ["instructions", instructions, "i.md", "i\0.md"],
  ["instructions", instructions, "i", ""],
  ["base_url", url, "https://a.example/v1", "https://user:pass@a.example/v1"],
  ["base_url", url, "https://a.example/v1", "https://a.example/v1?key=x"],
  ["base_url", url, "https://a.example/v1", "https://a.example/v1#x"],
  ["base_url", url, "http://127.0.0.1:7411", "ftp://127.0.0.1:7411"],
  ["base_url", url, "https://a.example", "//a.example"],
  ["base_url", url, "https://a.example/a", "https://a.example\\a"],
  ["base_url", url, "https://a.example/a", "https://a.example/a b"],
  ["base_url", url, "https://a.example:65535", "https://a.example:65536"],
  ["base_url", url, "https://a.example/", "https://a.example/\u001b"],
  ["base_url", url, "https://[::1]:80/", "https://[::1:80/"],
  ["credential", credential, "secret:model", "model"],
  ["credential", credential, "secret:model", "secret:Model"],
  ["credential", credential, "secret:model", "secret:"],
  ["users", users, "amy@acme.example", ""],
  ["users", users, "*@acme.example", "*"],
  ["users", users, "*@acme.example", "*@"],
  ["users", users, "*@acme.example", "*@*.example"],
  ["users", users, "*@acme.example", "*@a@acme.example"],
  ["users", users, "*@acme.example", "amy*@acme.example"],
  ["users", users, "amy", "amy\u202e"],
  ["tool name", toolName, "get.thing_A-1", "1thing"],
  ["tool name", toolName, "a".repeat(64), "a".repeat(65)],
  ["tool name", toolName, "constructor", "a b"],
  ["allow", allow, "https://api.example/*", "http://api.example/*"],
  ["allow", allow, "https://api.example/", "https://api.example"],
  ["allow", allow, "https://api.example/", "https://*.example/"],
  ["allow", allow, "https://api.example:443/x", "https://api.example:99999/x"],
  ["allow", allow, "https://api.example/x", "https://api.example/x?y"],
  ["allow", allow, "https://api.example/x", "https://u@api.example/x"],
  ["allow_internal", internal, "127.0.0.1:7411", "127.0.0.1"],
  ["allow_internal", internal, "erp.local:65535", "erp.local:65536"],
  ["allow_internal", internal, "[::1]:80", "::1:80"],
  ["allow_internal", internal, "a:1", "a:0"],
  ["allow_internal", internal, "a:1", "http://a:1"],
  ["turn_timeout", (text) => manifest({ limits: { turn_timeout: text } }), "24h", "25h"],
  ["turn_timeout", (text) => manifest({ limits: { turn_timeout: text } }), "10m", "10"],
  ["timeout", (text) => tool({ timeout: text }), "1h", "61m"],
  ["timeout", (text) => tool({ timeout: text }), "1ms", "0s"],
  ["timeout", (text) => tool({ timeout: text }), "30s", "999999d"],
  ["expires", reviewFor, "30d", "31d"],
  ["expires", reviewFor, "4h", "4 h"],
  ["messages_per_user", (text) => manifest({ limits: { messages_per_user: text } }), "20/min", "20/month"],
  ["authority", (text) => tool({ authority: [text] }), "invoice_id", "invoice id"],
  ["bound name", (text) => tool({ bind: { [text]: 1 } }), "tenant", ""],
  ["bound text", (text) => tool({ bind: { a: text } }), "x".repeat(4096), "x".repeat(4097)],
  ["bound text", (text) => tool({ bind: { a: text } }), "\u{1f600}", "\ud83d"],
  ["sql", (text) => record({ sql: text }), "select\n1", ""],
  ["sql", (text) => record({ sql: text }), "x".repeat(8192), "x".repeat(8193)],
  ["sql", (text) => record({ sql: text }), "select 1", "select \0 1"],
  [
    "view",
    (text) => manifest({ records: { [text]: { file: "a", sql: "select 1" } } }),
    "open_invoices",
    "open-invoices",
  ],
  ["label", (text) => tool({ returns: { a: text } }), "record", "user"],
  ["label", (text) => tool({ returns: { a: text } }), "untrusted", "operator"],
  [
    "credential kind",
    (text) =>
      manifest({ servers: { erp: { url: "https://a.example", tools: {}, credential: { secret: "a", as: text } } } }),
    "bearer",
    "basic",
  ],
];

for (const [field, check, accepted, refused] of texts) {
  test(`${field}: ${JSON.stringify(accepted.slice(0, 40))} is accepted, ${JSON.stringify(refused.slice(0, 40))} is refused`, () => {
    assert.equal(check(accepted), true);
    assert.equal(check(refused), false);
  });
}

const counts: readonly (readonly [
  field: string,
  check: (value: number) => boolean,
  accepted: number,
  refused: number,
])[] = [
  ["tokens_per_turn", (n) => manifest({ limits: { tokens_per_turn: n } }), 100, 99],
  ["tokens_per_turn", (n) => manifest({ limits: { tokens_per_turn: n } }), 10_000_000, 10_000_001],
  ["steps_per_turn", (n) => manifest({ limits: { steps_per_turn: n } }), 200, 201],
  ["usd_per_day", (n) => manifest({ limits: { usd_per_day: n } }), 0.01, 0],
  ["max", (n) => tool({ max: { a: n } }), 0, -0.01],
  ["max", (n) => tool({ max: { a: n } }), 1e15, NaN],
  ["max", (n) => tool({ max: { a: n } }), 1e308, Infinity],
  ["bound number", (n) => tool({ bind: { a: n } }), -1.5, NaN],
  ["review count", (n) => tool({ review: { by: "finance", count: n } }), 5, 6],
  ["review count", (n) => tool({ review: { by: "finance", count: n } }), 1, 0],
  ["max_rows", (n) => record({ max_rows: n }), 1000, 1001],
  ["max_rows", (n) => record({ max_rows: n }), 1, 0.5],
  ["users", (n) => users(...many(n)), 1000, 1001],
  ["users", (n) => users(...many(n)), 1, 0],
  ["authority", (n) => tool({ authority: many(n) }), 64, 65],
  ["allow", (n) => manifest({ egress: { allow: many(n).map((u) => `https://${u}.example/`) } }), 200, 201],
  ["allow_internal", (n) => manifest({ egress: { allow_internal: many(n).map((u) => `${u}:1`) } }), 50, 51],
];

for (const [field, check, accepted, refused] of counts) {
  test(`${field}: ${accepted} is accepted, ${refused} is refused`, () => {
    assert.equal(check(accepted), true);
    assert.equal(check(refused), false);
  });
}

test("nothing is coerced: text, number, list and null do not stand for each other", () => {
  assert.equal(manifest({}), true);
  for (const value of ["1", 1n, true, null, [1], 2]) assert.equal(manifest({ version: value }), false);
  for (const value of ["true", 1, null]) assert.equal(tool({ authority: value }), false);
});

test("durations are milliseconds, and what is none is an error", () => {
  const rows = [
    ["1ms", 1],
    ["2s", 2000],
    ["10m", 600_000],
    ["4h", 14_400_000],
    ["30d", 2_592_000_000],
    ["999999d", 86_399_913_600_000],
  ] as const;
  for (const [text, ms] of rows) assert.equal(durationMs(text), ms);
  for (const text of ["", "s", "1", "0s", "01s", "1.5s", "-1s", "1S", "1 s", " 1s", "1s\n", "1w", "1000000s", "1ms2"]) {
    assert.throws(() => durationMs(text), /not a duration/);
  }
});
