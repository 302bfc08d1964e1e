// Control `audit`: the table in which broker, front and supervisor keep their chains.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { chainId, genesis, nextHead } from "../controls/audit/chain.ts";
import { entryDigest, type ChainEntry } from "../controls/audit/entry.ts";
import { chainPage, pageEntries } from "../controls/wire/audit.ts";
import { chainTable, ChainTable } from "./chain-table.ts";

function openTable(database = new DatabaseSync(":memory:")): { database: DatabaseSync; table: ChainTable } {
  database.exec(`${chainTable} create table if not exists acts (what text unique) strict`);
  return { database, table: new ChainTable(database, "broker") };
}

test("each chain begins and grows on its own, and goes on where it was after a restart", () => {
  const { database, table } = openTable();
  for (const name of ["clerk", "other", "clerk"]) table.append(name, "secret_set", { secret: "erp" });
  const again = new ChainTable(database, "broker");
  again.append("clerk", "call_answered", { status: 200 }, "call_000000000000000000000000");
  assert.deepEqual(again.lengths(), { clerk: 3, other: 1 });
  let { head } = genesis(chainId("clerk", "broker"));
  for (const { entry, head: stored } of chainPage.parse(again.page("clerk", 0)).entries) {
    head = nextHead(head, entryDigest(entry as ChainEntry));
    assert.equal(stored, head);
  }
  assert.deepEqual(again.standing("clerk"), { sequence: 3, head });
});

test("an act and its entry are one commit: without the one there is not the other", () => {
  const { database, table } = openTable();
  const act = (what: string): void =>
    table.together(() => {
      table.append("clerk", "secret_set", { secret: what });
      database.prepare("insert into acts values (?)").run(what);
    });
  act("one");
  const before = table.standing("clerk");
  assert.throws(() => act("one"), /UNIQUE/);
  assert.deepEqual(table.standing("clerk"), before);
  act("two");
  assert.deepEqual(table.lengths(), { clerk: 2 });
  assert.deepEqual(table.standing("clerk"), new ChainTable(database, "broker").standing("clerk"));
});

test("nothing is stored when an entry cannot be: a full disk throws", () => {
  const { database, table } = openTable();
  table.append("clerk", "secret_set", {});
  const pages = Number(database.prepare("pragma page_count").get()?.["page_count"]);
  database.exec(`pragma max_page_count = ${pages}`);
  const fill = (): void => {
    for (let index = 0; index < 1000; index++) table.append("clerk", "secret_set", { secret: "x".repeat(100) });
  };
  assert.throws(fill, /full/);
  const { sequence } = table.standing("clerk");
  assert.equal(table.lengths()["clerk"], sequence);
  assert.equal(table.page("clerk", sequence - 1).entries.length, 1);
});

test("a page has its bound, and the next one goes on after it", () => {
  const { table } = openTable();
  table.together(() => {
    for (let index = 0; index <= pageEntries; index++) table.append("clerk", "call_forwarded", { index });
  });
  assert.equal(table.page("clerk", 0).entries.length, pageEntries);
  assert.equal(table.page("clerk", pageEntries).entries.length, 1);
  assert.deepEqual(table.page("clerk", pageEntries + 1), { entries: [], signatures: [] });
});

test("an entry edited on disk gives another digest than the one its head was made of", () => {
  const { database, table } = openTable();
  table.append("clerk", "call_broken", { reason: "reset" });
  const [before] = table.digests("clerk", 0, 10);
  database.exec("update chain_entries set entry = replace(entry, 'reset', 'never')");
  const [after] = table.digests("clerk", 0, 10);
  assert.deepEqual(after?.standing, before?.standing);
  assert.notEqual(after?.digest, before?.digest);
});
