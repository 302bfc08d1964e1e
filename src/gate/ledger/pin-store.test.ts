// What a deploy does to the pins: it takes what the servers say now, and tells what it took in the place of what.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { PinStore, pinTables, type SeenTool } from "./pin-store.ts";

const seen = (tool: string, hash: string): SeenTool => ({
  ...{ server: "erp", tool, hash: hash.repeat(64), description: "", schema: { type: "object" } },
});

test("a deploy that takes another definition, quarantined or not, does not do so unsaid", () => {
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(pinTables);
  const pins = new PinStore(sql);
  assert.deepEqual(pins.replaceAll([seen("pay", "a"), seen("note", "a")]), []);
  pins.observe("erp", [seen("pay", "b"), seen("note", "a")]);
  assert.equal(pins.get("erp", "pay")?.state, "quarantined");
  const changed = { server: "erp", tool: "pay", hash: "b".repeat(64), before: "a".repeat(64) };
  assert.deepEqual(pins.replaceAll([seen("pay", "b"), seen("note", "a"), seen("mail", "c")]), [changed]);
  assert.equal(pins.get("erp", "pay")?.state, "pinned");
  assert.deepEqual(pins.replaceAll([seen("pay", "b")]), []);
});
