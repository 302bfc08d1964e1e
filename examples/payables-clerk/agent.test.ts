// The payables clerk's file and the ERP that it names belong together, and what comes from outside the house is labelled
// untrusted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { testAgentFile } from "../tool-server/fixtures/agent-file.ts";
import { openErp, prepareQueries } from "./erp/schema.ts";
import { seedErp } from "./erp/seed.ts";
import { createErpTools } from "./erp/tools.ts";

const db = openErp(":memory:");
seedErp(db);
const erp = createErpTools(prepareQueries(db), 0);
const file = new URL("agent.yaml", import.meta.url);
const { manifest, untrusted } = await testAgentFile(file, "erp", erp, ["change_supplier_account"]);

test("what a stranger writes is untrusted, what the house writes is a record", () => {
  assert.deepEqual(untrusted("read_message"), ["body", "from", "subject"]);
  assert.deepEqual(untrusted("list_inbox"), ["from", "subject"]);
  assert.deepEqual(untrusted("get_invoice"), ["note"]);
  assert.deepEqual(untrusted("list_suppliers"), []);
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
