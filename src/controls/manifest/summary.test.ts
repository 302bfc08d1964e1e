// What a deployment can read, change and expose, from its file alone; and that it says the same as the policy does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideCall } from "../policy/decide.ts";
import { contextOf } from "../policy/fixtures/context.ts";
import { parseToolSchema } from "../policy/tool-schema.ts";
import { manifestSchema, type Contract } from "./schema.ts";
import { secretNames, summarizeAuthority } from "./summary.ts";

const base = {
  version: 1,
  name: "payables-clerk",
  purpose: "Pay supplier invoices.",
  agent: {
    instructions: "./i.md",
    model: { provider: "anthropic", base_url: "https://api.example/v1", name: "m", credential: "secret:model" },
  },
};
const full = manifestSchema.parse({
  ...base,
  channels: { api: { users: ["*@acme.example"] } },
  records: { open: { file: "./erp.sqlite", sql: "select 1", returns: { note: "untrusted", id: "record" } } },
  servers: {
    erp: {
      url: "https://erp.example/mcp",
      credential: { secret: "erp", as: "bearer" },
      tools: {
        read_message: { effect: "read", returns: { body: "untrusted", id: "record" } },
        list: { effect: "read" },
        tag: { effect: "local" },
        share: { effect: "outward", authority: ["to"] },
        pay: {
          effect: "irreversible",
          impact: "spend",
          authority: ["cents"],
          max: { cents: 500_000, per_day: 20 },
          review: { by: "finance", count: 2, expires: "1h" },
        },
        shred: { effect: "irreversible", authority: ["id"] },
      },
    },
    other: { url: "https://other.example/mcp", credential: { secret: "erp", as: "bearer" }, tools: {} },
  },
  egress: { allow: ["https://rates.example/*"], allow_internal: ["127.0.0.1:7411"] },
});

test("each tool stands where its contract puts it, with what bounds it", () => {
  assert.deepEqual(summarizeAuthority(full), {
    name: "payables-clerk",
    purpose: "Pay supplier invoices.",
    mode: "enforce",
    reads: ["records.open of ./erp.sqlite (untrusted: note)", "erp.read_message (untrusted: body)", "erp.list"],
    changes: ["erp.tag (local)", "erp.share (outward)"],
    asks: [
      "erp.pay (irreversible, impact spend, cents up to 500000, 20 calls in 24h): 2 of finance, within 1h",
      "erp.shred (irreversible, impact none): one person, within 4h",
    ],
    never: [],
    combination: {
      untrusted: [
        "records.open",
        ...["read_message", "list", "tag", "share", "pay", "shred"].map((name) => `servers.erp.tools.${name}`),
      ],
      private: ["records.open", "servers.erp.tools.read_message", "servers.erp.tools.list"],
      unwatched: ["servers.erp.tools.share"],
    },
    exposes: [
      "model m at https://api.example/v1",
      "erp.share (outward)",
      "erp.pay (irreversible, after a person)",
      "erp.shred (irreversible, after a person)",
      "https://rates.example/*",
      "127.0.0.1:7411 (internal)",
    ],
    secrets: ["erp", "model"],
    limits: ["20 steps a turn", "60000 tokens a turn", "10m a turn"],
    speakers: ["*@acme.example"],
  });
});

test("a file that names nothing reads, changes and asks nothing, and still shows its model", () => {
  const summary = summarizeAuthority(manifestSchema.parse(base));
  assert.deepEqual([summary.reads, summary.changes, summary.asks, summary.speakers], [[], [], [], []]);
  assert.deepEqual(summary.exposes, ["model m at https://api.example/v1"]);
});

test("who may speak by webhook is said with the way in, and the secret that signs is one of the secrets", () => {
  const webhook = { users: ["amy", "group:staff"], rooms: ["C01"], secret: "hooks" };
  const channels = { api: { users: ["bob"] }, webhook };
  const manifest = manifestSchema.parse({ ...base, groups: { staff: ["gil"] }, channels });
  const by = ["amy by webhook", "gil by webhook", "only from rooms C01 by webhook"];
  assert.deepEqual(summarizeAuthority(manifest).speakers, ["bob", ...by]);
  assert.deepEqual(secretNames(manifest), ["hooks", "model"]);
});

test("secrets are named once each, and a file without any has none", () => {
  assert.deepEqual(secretNames(full), ["erp", "model"]);
  const { credential: _, ...model } = base.agent.model;
  assert.deepEqual(secretNames(manifestSchema.parse({ ...base, agent: { ...base.agent, model } })), []);
});

test("no tool is left out, and what is said to wait for a person is exactly what the policy holds", () => {
  const schema = parseToolSchema({ type: "object", properties: {} }, "tool");
  if ("reason" in schema) assert.fail(schema.message);
  const effects: Contract["effect"][] = ["read", "local", "reversible", "outward", "irreversible"];
  const impacts: Contract["impact"][] = ["none", "spend", "access", "publish", "customer"];
  for (const effect of effects) {
    for (const impact of impacts) {
      for (const review of [undefined, { by: "finance" }]) {
        const contract = { effect, impact, ...(review ? { review } : {}) };
        const servers = { erp: { url: "https://erp.example/mcp", tools: { tool: contract } } };
        const manifest = manifestSchema.parse({ ...base, servers });
        const { reads, changes, asks } = summarizeAuthority(manifest);
        const call = { callId: "c", server: "erp", tool: "tool", arguments: {} };
        const { verdict } = decideCall(call, contextOf({ schema, contract: manifest.servers["erp"]?.tools["tool"] }));
        assert.equal(asks.length === 1, verdict.verdict === "review", JSON.stringify(contract));
        assert.equal(changes.length === 1, effect !== "read" && verdict.verdict === "allow", JSON.stringify(contract));
        assert.equal(reads.length === 1, effect === "read");
      }
    }
  }
});

test("where nobody is there to decide, what needs a person is said never to happen; observed, it happens without asking", () => {
  const summary = (more: object) => summarizeAuthority({ ...full, ...more });
  const unattended = summary({ unattended: true });
  assert.deepEqual(
    [unattended.asks, unattended.never.map((text) => text.split(":")[0])],
    [[], ["erp.pay", "erp.shred"]],
  );
  assert.ok(!unattended.exposes.some((text) => text.includes("erp.pay")));
  const observed = summary({ mode: "observe" });
  assert.deepEqual([observed.asks, observed.never, observed.changes.length], [[], [], 4]);
  assert.ok(observed.exposes.includes("erp.pay (irreversible)"));
});

test("every bound and limit that the file gives is said", () => {
  const pay = {
    ...{ effect: "reversible", authority: ["cents", "currency"] },
    ...{ max: { cents: 5, per_turn: 1, per_user: 2, per_day: 3 }, only: { currency: ["EUR", "USD"] } },
    total: { cents: { per_turn: 6, per_user: 7, per_day: 8 } },
  };
  const limits = { messages_per_user: "20/min", calls_per_user: "5/h", tokens_per_day: 1000, usd_per_day: 2 };
  const model = { ...base.agent.model, price: { input: 1, output: 1 } };
  const agent = { ...base.agent, model };
  const servers = { erp: { url: "https://erp.example/mcp", tools: { pay } } };
  const summary = summarizeAuthority(manifestSchema.parse({ ...base, agent, limits, servers }));
  assert.deepEqual(summary.changes, [
    "erp.pay (reversible, cents up to 5, 1 calls a turn, 2 calls a user in 24h, 3 calls in 24h, " +
      "cents up to 6 in sum a turn, cents up to 7 in sum a user in 24h, cents up to 8 in sum in 24h, " +
      'currency only "EUR" or "USD")',
  ]);
  for (const line of ["20/min messages a user", "5/h tool calls a user", "1000 tokens a day", "2 US dollars a day"]) {
    assert.ok(summary.limits.includes(line), line);
  }
});

test("who may decide and who may speak are told as people, with groups resolved, and long lists are counted", () => {
  const many = Array.from({ length: 10 }, (_, n) => `u${n}`);
  const shown = summarizeAuthority(
    manifestSchema.parse({
      ...base,
      groups: { staff: ["amy", "bob"], many },
      approvers: { finance: ["fay", "group:staff"], all: ["group:many"] },
      channels: { api: { users: ["group:staff", "*@acme.example"], rooms: ["C01", "C02"], workspaces: ["T01"] } },
      servers: {
        erp: {
          url: "https://erp.example/mcp",
          tools: {
            pay: { effect: "outward", authority: ["to"], review: { by: "finance", count: 2 } },
            tell: { effect: "outward", authority: ["to"], review: { by: "all" } },
            ask: { effect: "outward", authority: ["to"], review: { by: "constructor" } },
          },
        },
      },
    }),
  );
  assert.deepEqual(shown.asks, [
    "erp.pay (outward, impact none): 2 of finance (fay, amy, bob), within 4h",
    "erp.tell (outward, impact none): 1 of all (u0, u1, u2, u3, u4, u5, u6, u7 and 2 more), within 4h",
    "erp.ask (outward, impact none): 1 of constructor, within 4h",
  ]);
  assert.deepEqual(shown.speakers, [
    ...["amy", "bob", "*@acme.example", "only from rooms C01, C02", "only from workspaces T01"],
  ]);
});
