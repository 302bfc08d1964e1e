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
    reads: ["records.open of ./erp.sqlite (untrusted: note)", "erp.read_message (untrusted: body)", "erp.list"],
    changes: ["erp.tag (local)", "erp.share (outward)"],
    asks: [
      "erp.pay (irreversible, impact spend, cents up to 500000, per_day up to 20): 2 of finance, within 1h",
      "erp.shred (irreversible, impact none): one person, within 4h",
    ],
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
