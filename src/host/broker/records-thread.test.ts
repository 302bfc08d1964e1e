import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { answerQuery, type OpenFile, type QueryResult } from "./records-thread.ts";

const nobody = 65_534;

/** Runs as a user who may read the folder and not write in it. */
function asReader<T>(folder: string, read: () => T): T {
  const isRoot = process.geteuid?.() === 0;
  chmodSync(folder, 0o555);
  if (isRoot) process.seteuid?.(nobody);
  try {
    return read();
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(folder, 0o755);
  }
}

function setUp(t: TestContext): {
  folder: string;
  write: () => DatabaseSync;
  read: () => QueryResult;
  files: Map<string, OpenFile>;
} {
  const folder = mkdtempSync(join(tmpdir(), "ab-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "erp ?#%41.sqlite");
  const files = new Map<string, OpenFile>();
  const write = (): DatabaseSync => {
    const database = new DatabaseSync(file);
    database.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1)");
    return database;
  };
  const query = { file, sql: "select count(*) as n from t", values: {}, maxRows: 1 };
  return { folder, write, read: () => asReader(folder, () => answerQuery(files, query)), files };
}

const rows = (n: number): QueryResult => ({ ok: true, rows: [{ n }], truncated: false });

test("a WAL file beside which the reader may not write is read, and each change to it is seen", (t) => {
  const { write, read, files } = setUp(t);
  write().close();
  assert.deepEqual(read(), rows(1));
  assert.deepEqual(read(), rows(1));
  assert.ok([...files.values()].every((open) => open.isFrozen));
  write().close();
  assert.deepEqual(read(), rows(2));
  const writer = write();
  assert.deepEqual(read(), rows(3));
  assert.ok([...files.values()].every((open) => !open.isFrozen));
  writer.exec("INSERT INTO t VALUES (1)");
  assert.deepEqual(read(), rows(4));
  writer.close();
});

test("a file that the reader may not read is named with what to change", (t) => {
  const { folder, write, read } = setUp(t);
  write().close();
  chmodSync(join(folder, "erp ?#%41.sqlite"), 0o000);
  const result = read();
  assert.ok(!result.ok && result.reason === "view_unavailable");
  assert.match(result.message, /the broker's user cannot open it; let it read/);
});

test("anything but one SELECT of plain functions over the file's own tables is refused by SQLite itself", (t) => {
  const bad: Record<string, string> = {
    two: "select 1 as a; select 2 as b",
    remove: "delete from t returning a",
    insert: "insert into t values (2) returning a",
    update: "update t set a = 2 returning a",
    create: "create table u (a)",
    attach: "attach database '/tmp/x' as x",
    pragma: "pragma table_info(t)",
    pragma_table: "select * from pragma_table_info('t')",
    schema: "select sql from sqlite_master",
    schema_again: "select sql from sqlite_schema",
    extension: "select load_extension('x')",
    random_bytes: "select hex(randomblob(10)) as a",
    tokenizer: "select fts3_tokenizer('simple') as a",
    endless: "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) as n from c",
    vacuum: "vacuum into '/tmp/x'",
    begin: "begin",
    explain: "explain select 1",
  };
  const { folder, write, files } = setUp(t);
  write().close();
  const file = join(folder, "erp ?#%41.sqlite");
  for (const [name, sql] of Object.entries(bad)) {
    const result = answerQuery(files, { file, sql, values: {}, maxRows: 5 });
    assert.ok(
      !result.ok && ["view_failed", "view_broken"].includes(result.reason),
      `${name}: ${JSON.stringify(result)}`,
    );
  }
  assert.deepEqual(answerQuery(files, { file, sql: "select a from t", values: {}, maxRows: 5 }).ok, true);
  const database = new DatabaseSync(file);
  assert.deepEqual({ ...database.prepare("SELECT count(*) AS n, sum(a) AS s FROM t").get() }, { n: 1, s: 1 });
  database.close();
});
