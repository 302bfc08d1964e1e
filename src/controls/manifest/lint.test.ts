// A well-formed file that is still wrong: each finding beside the file one step away that has none.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { lintManifest, type Finding } from "./lint.ts";
import { parseManifest } from "./parse.ts";
import { manifestSchema } from "./schema.ts";

const base = {
  version: 1,
  name: "ab",
  purpose: "x",
  agent: {
    instructions: "./i.md",
    model: { provider: "anthropic", base_url: "https://api.example.com/v1", name: "m" },
  },
};
const lint = (more: object): Finding[] => lintManifest(manifestSchema.parse({ ...base, ...more }));
const tools = (named: object, more: object = {}): object => ({
  servers: { erp: { url: "https://erp.example.com/mcp", tools: named } },
  ...more,
});
const tool = (contract: object): object => tools({ pay: contract });
const view = (sql: string, bind: object = {}): object => ({ records: { open: { file: "./a.sqlite", sql, bind } } });
const model = (base_url: string, allow_internal: string[] = []): object => ({
  agent: { ...base.agent, model: { ...base.agent.model, base_url } },
  egress: { allow_internal },
});
const at = (url: string, allow_internal: string[] = []): object => ({
  servers: { erp: { url, tools: {} } },
  egress: { allow_internal },
});

const pay = { effect: "outward", authority: ["to", "cents"] };
const parameters = (count: number): string => `select ${Array.from({ length: count }, (_, n) => `:p${n}`).join(", ")}`;

/** What is wrong, where and in which words, and the twin in which nothing is. */
const rows: readonly (readonly [name: string, wrong: object, field: string, words: RegExp, right: object])[] = [
  [
    "http to a host that is not listed",
    at("http://127.0.0.1:7411/mcp"),
    "servers.erp.url",
    /add "127\.0\.0\.1:7411" to egress\.allow_internal/,
    at("http://127.0.0.1:7411/mcp", ["127.0.0.1:7411"]),
  ],
  [
    "http to another port",
    at("http://127.0.0.1:7411/mcp", ["127.0.0.1:7412"]),
    "servers.erp.url",
    /add "127\.0\.0\.1:7411"/,
    at("http://127.0.0.1:7412/mcp", ["127.0.0.1:7412"]),
  ],
  [
    "http without a port",
    at("http://127.0.0.1/mcp", ["127.0.0.1:8080"]),
    "servers.erp.url",
    /add "127\.0\.0\.1:80"/,
    at("http://127.0.0.1/mcp", ["127.0.0.1:80"]),
  ],
  [
    "http to the world",
    model("http://api.example.com/v1"),
    "agent.model.base_url",
    /add "api\.example\.com:80"/,
    model("https://api.example.com/v1"),
  ],
  [
    "http in another spelling of an address",
    at("http://127.1:7411/mcp", ["127.0.0.2:7411"]),
    "servers.erp.url",
    /add "127\.0\.0\.1:7411"/,
    at("http://127.1:7411/mcp", ["127.0.0.1:7411"]),
  ],
  [
    "https to a private address",
    at("https://10.0.0.1/mcp"),
    "servers.erp.url",
    /address/,
    at("https://10.0.0.1/mcp", ["10.0.0.1:443"]),
  ],
  [
    "a star in the middle of a path",
    { egress: { allow: ["https://api.example.com/*/x"] } },
    "egress.allow.0",
    /\*/,
    { egress: { allow: ["https://api.example.com/x/*"] } },
  ],
  [
    "a tool and a view of one name",
    tools({ open: { effect: "read" } }, view("select 1")),
    "servers.erp.tools.open",
    /taken by records\.open/,
    tools({ open2: { effect: "read" } }, view("select 1")),
  ],
  [
    "two tools of one name",
    {
      servers: {
        a1: { url: "https://a.example.com", tools: { get: { effect: "read" } } },
        a2: { url: "https://b.example.com", tools: { get: { effect: "read" } } },
      },
    },
    "servers.a2.tools.get",
    /taken by servers\.a1\.tools\.get/,
    tools({ get: { effect: "read" }, got: { effect: "read" } }),
  ],
  [
    "two tools that are one name to the model",
    tools({ "mail.send": { effect: "read" }, mail_send: { effect: "read" } }),
    "servers.erp.tools.mail_send",
    /taken by servers\.erp\.tools\.mail\.send/,
    tools({ "mail.send": { effect: "read" }, "mail-send": { effect: "read" } }),
  ],
  [
    "a view that is a tool's name to the model",
    tools({ "o.p": { effect: "read" } }, { records: { o_p: { file: "a", sql: "select 1" } } }),
    "servers.erp.tools.o.p",
    /taken by records\.o_p/,
    tools({ "o.q": { effect: "read" } }, { records: { o_p: { file: "a", sql: "select 1" } } }),
  ],
  [
    "a read with impact",
    tool({ effect: "read", impact: "spend" }),
    "servers.erp.tools.pay",
    /a read has no impact/,
    tool({ effect: "read" }),
  ],
  [
    "an outward effect without authority",
    tool({ effect: "outward" }),
    "servers.erp.tools.pay.authority",
    /who, where, which or how much/,
    tool({ effect: "outward", authority: ["to"] }),
  ],
  [
    "an irreversible one",
    tool({ effect: "irreversible" }),
    "servers.erp.tools.pay.authority",
    /who, where, which or how much/,
    tool({ effect: "reversible" }),
  ],
  [
    "bound authority",
    tool({ ...pay, bind: { to: "x" } }),
    "servers.erp.tools.pay.bind.to",
    /never the model's/,
    tool({ ...pay, bind: { tenant: "x" } }),
  ],
  [
    "a bound payload",
    tool({ ...pay, payload: ["body"], bind: { body: "x" } }),
    "servers.erp.tools.pay.bind.body",
    /never the model's/,
    tool({ ...pay, payload: ["body"] }),
  ],
  [
    "authority that is payload",
    tool({ ...pay, payload: ["to"] }),
    "servers.erp.tools.pay.authority",
    /choose one/,
    tool({ ...pay, payload: ["subject"] }),
  ],
  [
    "a limit on what has no authority",
    tool({ ...pay, max: { amount: 1 } }),
    "servers.erp.tools.pay.max.amount",
    /not listed under authority/,
    tool({ ...pay, max: { cents: 1, per_day: 2 } }),
  ],
  [
    "half a call a day",
    tool({ ...pay, max: { per_day: 0.5 } }),
    "servers.erp.tools.pay.max.per_day",
    /make it whole/,
    tool({ ...pay, max: { per_day: 1 } }),
  ],
  ["a view that is no SELECT", view("pragma user_version"), "records.open.sql", /one SELECT/, view("select 1 from a")],
  [
    "a view that writes behind a WITH",
    view("with a as (select 1) delete from b"),
    "records.open.sql",
    /only read/,
    view("with a as (select 1) select * from a"),
  ],
  [
    "a second statement",
    view("select 1; select 2"),
    "records.open.sql",
    /one statement/,
    view("select ';' as a; -- the end"),
  ],
  [
    "a second statement after a comment",
    view("select 1; /* x */ drop table a"),
    "records.open.sql",
    /one statement/,
    view("select 1 /* ; drop table a */"),
  ],
  [
    "a bound parameter that is not there",
    view("select 1", { tenant: "a" }),
    "records.open.bind.tenant",
    /does not stand in the SQL/,
    view("select :tenant", { tenant: "a" }),
  ],
  [
    "a bound parameter in a string",
    view("select ':tenant'", { tenant: "a" }),
    "records.open.bind.tenant",
    /does not stand in the SQL/,
    view("select '' || :tenant", { tenant: "a" }),
  ],
  [
    "a bound parameter in a quoted name",
    view('select 1 as ":tenant"', { tenant: "a" }),
    "records.open.bind.tenant",
    /does not stand in the SQL/,
    view('select :tenant as "a"', { tenant: "a" }),
  ],
  [
    "a bound parameter in a comment that never ends",
    view("select 1 /* :tenant", { tenant: "a" }),
    "records.open.bind.tenant",
    /does not stand in the SQL/,
    view("select :tenant /*", { tenant: "a" }),
  ],
  [
    "a parameter of another kind",
    view("select @tenant"),
    "records.open.sql",
    /@tenant: write :name/,
    view("select :tenant"),
  ],
  ["a parameter without a name", view("select ?1"), "records.open.sql", /\?1: write :name/, view("select '?1'")],
  [
    "a parameter with capitals",
    view("select :Tenant"),
    "records.open.sql",
    /:Tenant: write :name/,
    view("select :tenant"),
  ],
  [
    "a parameter of the prototype",
    view("select :__proto__"),
    "records.open.sql",
    /:__proto__: write :name/,
    view("select :proto__"),
  ],
  ["51 parameters", view(parameters(51)), "records.open.sql", /more than 50 parameters/, view(parameters(50))],
];

for (const [name, wrong, field, words, right] of rows) {
  test(`${name} is an error`, () => {
    const found = lint(wrong);
    assert.deepEqual(
      found.map((finding) => [finding.level, finding.field]),
      [["error", field]],
    );
    assert.match(found[0]?.message ?? "", words);
    assert.deepEqual(lint(right), []);
  });
}

test("every finding of a file is told at once", () => {
  assert.equal(lint({ ...tool({ effect: "outward", max: { a: 1 } }), ...view("drop table a") }).length, 4);
});

test("a SQL text of 8,192 hostile characters is read at once", () => {
  const began = process.cpuUsage();
  for (const unit of ["'", '"', "`", "[", "/*", "--", ":", "''", "a", "1", "(", "'a", "/*/"]) {
    lint(view(`select ${unit.repeat(Math.floor(8000 / unit.length))}`));
  }
  assert.ok(process.cpuUsage(began).user / 1000 < 2000);
});

test("the example's own file is without error", () => {
  const text = readFileSync(new URL("../../../examples/payables-clerk/agent.yaml", import.meta.url), "utf8");
  const parsed = parseManifest(text);
  if ("problems" in parsed) assert.fail(JSON.stringify(parsed.problems));
  assert.deepEqual(
    lintManifest(parsed.manifest).filter(({ level }) => level === "error"),
    [],
  );
});
