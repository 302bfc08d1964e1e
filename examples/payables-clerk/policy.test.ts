// The example of docs/policy.md fits the payables clerk's file and its real server, and does what the page says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import * as api from "@cedar-policy/cedar-wasm/nodejs";
import { openErp, prepareQueries } from "./erp/schema.ts";
import { createErpTools } from "./erp/tools.ts";
import type { JsonObject } from "../../src/boundary.ts";
import { parseManifest } from "../../src/controls/manifest/parse.ts";
import { openCedarOverlay } from "../../src/controls/policy/cedar-overlay.ts";
import { checkPolicies, parsePolicies } from "../../src/controls/policy/cedar-policies.ts";
import { listTools } from "../../src/controls/policy/cedar-schema.ts";
import { usedOf } from "../../src/controls/policy/fixtures/context.ts";

const page = readFileSync(new URL("../../docs/policy.md", import.meta.url), "utf8");
const text = /```cedar\n([\s\S]*?)```/.exec(page)?.[1] ?? assert.fail("no example");
const file = new URL("agent.yaml", import.meta.url);
const parsed = parseManifest(readFileSync(file, "utf8"));
if ("problems" in parsed) assert.fail(JSON.stringify(parsed.problems));
const { manifest } = parsed;

const [near, far] = InMemoryTransport.createLinkedPair();
await createErpTools(prepareQueries(openErp(":memory:")), 0).connect(far);
const client = new Client({ name: "test", version: "1.0.0" });
await client.connect(near);
const { tools } = await client.listTools();
const schemaOf = (_server: string, name: string) =>
  tools.find((tool) => tool.name === name)?.inputSchema as JsonObject | undefined;

test("the example has no fault", () => {
  assert.deepEqual(checkPolicies(api, text, manifest, listTools(manifest, schemaOf)), []);
});

const policies = parsePolicies(api, text);
if (!Array.isArray(policies)) assert.fail(policies.message);
const overlay = openCedarOverlay({ api, id: "page", manifest, policies, tools: listTools(manifest, schemaOf) });
const payment = { tenant: "acme", invoice_id: "inv_1", iban: "DE89370400440532013000", amount_cents: 100_000 };
const mail = { tenant: "acme", to: "amy@acme.example", subject: "s", body: "b" };
const one = ["finance@acme.example"];
const both = [...one, "controller@acme.example"];

/** What it allows, and one step away what it forbids by which policy. */
const steps: readonly (readonly [
  tool: string,
  args: JsonObject,
  approvals: string[],
  turnCalls: number,
  by: string,
])[] = [
  ["pay_invoice", payment, one, 0, ""],
  ["pay_invoice", { ...payment, amount_cents: 100_001 }, one, 0, "two-for-large"],
  ["pay_invoice", { ...payment, amount_cents: 100_001 }, both, 0, ""],
  ["pay_invoice", { ...payment, iban: "GB82WEST12345698765432" }, one, 0, "abroad"],
  ["pay_invoice", { ...payment, iban: "GB82WEST12345698765432" }, both, 0, ""],
  ["send_mail", mail, one, 4, ""],
  ["send_mail", mail, one, 5, "mail-inside"],
  ["send_mail", { ...mail, to: "amy@acme.example.evil.example" }, one, 0, "mail-inside"],
];

for (const [tool, args, approvals, turnCalls, by] of steps) {
  test(`${tool} ${Object.values(args).join(" ")} with ${approvals.length} and ${turnCalls} before: ${by || "goes on"}`, () => {
    const { effect, impact } = manifest.servers["erp"]?.tools[tool] ?? assert.fail(tool);
    const place = { user: "amy@acme.example", channel: "api", thread: "api:amy:t", turn: 1 };
    const used = usedOf({ per_turn: turnCalls });
    const refusal = overlay.decide({ server: "erp", tool, arguments: args, effect, impact, ...place, used, approvals });
    assert.equal(/policy "([^"]+)"/.exec(refusal?.message ?? "")?.[1] ?? "", by);
  });
}
