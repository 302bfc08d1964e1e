// The deployment file and the ERP it names belong together: every tool exists, every argument is spoken for, every
// field of a result has a label, and what comes from outside the house is labelled untrusted.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { lintManifest } from "../../src/controls/manifest/lint.ts";
import { parseManifest } from "../../src/controls/manifest/parse.ts";
import { parseToolSchema } from "../../src/controls/policy/tool-schema.ts";
import { findOrders } from "../scripted-demo/obey.ts";
import { openErp, prepareQueries } from "./erp/schema.ts";
import { seedErp } from "./erp/seed.ts";
import { createErpTools } from "./erp/tools.ts";

const parsed = parseManifest(await readFile(new URL("agent.yaml", import.meta.url), "utf8"));
assert.ok("manifest" in parsed, JSON.stringify(parsed));
const { manifest } = parsed;

const db = openErp(":memory:");
seedErp(db);
const [near, far] = InMemoryTransport.createLinkedPair();
await createErpTools(prepareQueries(db), 0).connect(far);
const client = new Client({ name: "test", version: "1.0.0" });
await client.connect(near);
const { tools } = await client.listTools();
const contracts = manifest.servers["erp"]?.tools ?? {};

test("the deployment file has no error, and warns only of what this version does not enforce", () => {
  const findings = lintManifest(manifest);
  assert.deepEqual(
    findings.filter(({ level }) => level === "error"),
    [],
  );
  for (const { message } of findings) assert.match(message, /not enforced by this version/);
});

/** What the server offers beyond the workflow: a tool that is not named in the file. */
const beyond = "change_supplier_account";
const named = tools.filter((tool) => tool.name !== beyond);

test("the file names every tool of the server but the one that changes an account, and a gate can check them", () => {
  assert.equal(named.length, tools.length - 1);
  assert.deepEqual(
    Object.keys(contracts),
    named.map((tool) => tool.name),
  );
  for (const tool of tools) {
    const schema = parseToolSchema(tool.inputSchema, tool.name);
    assert.ok(!("reason" in schema), JSON.stringify(schema));
  }
});

for (const tool of named) {
  test(`${tool.name}: every argument is authority, payload or bound, every field of the result is labelled`, () => {
    const contract = contracts[tool.name];
    const spokenFor = [
      ...(contract?.authority ?? []),
      ...(contract?.payload ?? []),
      ...Object.keys(contract?.bind ?? {}),
    ];
    assert.deepEqual(spokenFor.toSorted(), Object.keys(tool.inputSchema.properties ?? {}).toSorted());
    assert.deepEqual(Object.keys(contract?.returns ?? {}).toSorted(), leafNames(tool.outputSchema).toSorted());
  });
}

function leafNames(schema: unknown): string[] {
  const { properties, items } = (schema ?? {}) as { properties?: Record<string, object>; items?: object };
  if (items !== undefined) return leafNames(items);
  return Object.entries(properties ?? {}).flatMap(([name, child]) =>
    "items" in child || "properties" in child ? leafNames(child) : [name],
  );
}

test("what a stranger writes is untrusted, what the house writes is a record", () => {
  const isUntrusted = (tool: string) =>
    Object.entries(contracts[tool]?.returns ?? {})
      .filter(([, label]) => label === "untrusted")
      .map(([name]) => name);
  assert.deepEqual(isUntrusted("read_message").toSorted(), ["body", "from", "subject"]);
  assert.deepEqual(isUntrusted("list_inbox").toSorted(), ["from", "subject"]);
  assert.deepEqual(isUntrusted("get_invoice"), ["note"]);
  assert.deepEqual(isUntrusted("list_suppliers"), []);
});

test("the record view shows the open invoices of acme and not those of another tenant", () => {
  const view = manifest.records["open_invoices"];
  const rows = db.prepare(view?.sql ?? "").all({ tenant: String(view?.bind["tenant"]) }) as { id: string }[];
  assert.deepEqual(
    rows.map((row) => row.id),
    ["inv_2001", "inv_2002", "inv_2003"],
  );
  assert.deepEqual(Object.keys(rows[0] ?? {}).toSorted(), Object.keys(view?.returns ?? {}).toSorted());
});

test("the instructions give the model nothing it would take for an attacker's order", async () => {
  assert.deepEqual(findOrders(await readFile(new URL(manifest.agent.instructions, import.meta.url), "utf8")), []);
});
