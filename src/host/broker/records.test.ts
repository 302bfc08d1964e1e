import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { ask, makeRelease, startTestBroker, type Reply, type TestBroker } from "./fixtures/harness.ts";
import { queryMs, type QueryEnd, type QueryLine } from "./query-thread.ts";
import { Records } from "./records.ts";
import { systemResolve } from "./dial.ts";
import type { Query } from "./records-thread.ts";

type Views = Record<string, { sql: string; bind?: Record<string, unknown>; max_rows?: number; file?: string }>;

function fill(path: string, tenants: readonly string[]): void {
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE invoices (id INTEGER PRIMARY KEY, tenant TEXT, note TEXT, cents INTEGER, scan BLOB)");
  const insert = database.prepare("INSERT INTO invoices (tenant, note, cents, scan) VALUES (?, ?, ?, x'00')");
  for (const [index, tenant] of tenants.entries())
    insert.run(tenant, `note ${index}`, 9_007_199_254_740_993n + BigInt(index));
  database.close();
}

async function setUp(
  t: TestContext,
  views: Views,
  limits: { readonly queryMs?: number } = {},
): Promise<{
  broker: TestBroker;
  file: string;
  query: (view: string, params?: unknown, name?: string) => Promise<Reply>;
}> {
  const folder = mkdtempSync(join(tmpdir(), "ab-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "erp.sqlite");
  fill(file, ["acme", "other", "acme"]);
  const records = Object.fromEntries(
    Object.entries(views).map(([view, record]) => [view, { file: "./erp.sqlite", ...record }]),
  );
  const files = Object.fromEntries(Object.entries(views).map(([view, record]) => [view, record.file ?? file]));
  const broker = await startTestBroker(t, ["clerk", "other"], systemResolve, limits);
  for (const name of ["clerk", "other"])
    assert.equal((await broker.put(makeRelease(name, 1, { records }, files))).status, 204);
  const query = (view: string, params: unknown = {}, name = "clerk"): Promise<Reply> =>
    ask(broker.door(name), `http://records.internal/${view}`, { method: "POST", body: JSON.stringify({ params }) });
  return { broker, file, query };
}

/** Counts the fourth power of the rows: well over a second with those of `fillForSpinning`, and it ends by itself. */
const spin = "select count(*) as n from invoices a, invoices b, invoices c, invoices d where a.id + b.id > c.id + d.id";

function fillForSpinning(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 90) INSERT INTO invoices (tenant) SELECT 'x' FROM c",
  );
  database.close();
}

async function allEnded({ broker }: TestBroker): Promise<void> {
  while (broker.stuck > 0) await new Promise((resolve) => setTimeout(resolve, 50));
}

const reasonOf = (reply: Reply): unknown => [reply.status, reply.headers["x-ambit-broker"], reply.json?.["reason"]];

test("a view gives the rows of its bound tenant and a caller cannot name another", async (t) => {
  const { query } = await setUp(t, {
    open: { sql: "select id, note from invoices where tenant = :tenant and id > :after", bind: { tenant: "acme" } },
  });
  assert.deepEqual((await query("open", { after: 0 })).json, {
    rows: [
      { id: 1, note: "note 0" },
      { id: 3, note: "note 2" },
    ],
    truncated: false,
  });
  assert.deepEqual(reasonOf(await query("open", { after: 0, tenant: "other" })), [403, "refused", "bound_parameter"]);
  assert.deepEqual(reasonOf(await query("open", {})), [403, "refused", "missing_parameter"]);
  assert.deepEqual(reasonOf(await query("open", { after: 0, more: 1 })), [403, "refused", "unknown_parameter"]);
  assert.deepEqual(reasonOf(await query("open", { after: 0, __proto__: null, constructor: 1 })), [
    403,
    "refused",
    "unknown_parameter",
  ]);
  assert.deepEqual(reasonOf(await query("shut")), [403, "refused", "unknown_view"]);
  assert.deepEqual(reasonOf(await query("constructor")), [403, "refused", "unknown_view"]);
  assert.deepEqual(reasonOf(await query("open", { after: [1] })), [403, "refused", "bad_request"]);
});

test("a value stays a value, whatever it spells", async (t) => {
  const { query } = await setUp(t, { named: { sql: "select id from invoices where note = :note" } });
  assert.deepEqual((await query("named", { note: "' or 1=1 --" })).json, { rows: [], truncated: false });
  assert.deepEqual((await query("named", { note: "note 1" })).json, { rows: [{ id: 2 }], truncated: false });
});

test("rows beyond max_rows are cut and said to be, the last one that fits is not", async (t) => {
  const { query } = await setUp(t, {
    two: { sql: "select id from invoices", max_rows: 2 },
    three: { sql: "select id from invoices", max_rows: 3 },
  });
  assert.deepEqual((await query("two")).json, { rows: [{ id: 1 }, { id: 2 }], truncated: true });
  assert.equal((await query("three")).json?.["truncated"], false);
});

test("an answer over 1 MiB is refused", async (t) => {
  const wide = (length: number): string =>
    `select replace(printf('%.*c', ${length}, 'x'), 'x', 'y') as a from invoices where id = 1`;
  const { query } = await setUp(t, {
    fits: { sql: wide(1_048_000) },
    over: { sql: wide(1_048_575) },
    many: { sql: wide(600_000).replace(" where id = 1", "") },
  });
  assert.equal((await query("fits")).status, 200);
  assert.deepEqual(reasonOf(await query("over")), [403, "refused", "answer_too_large"]);
  assert.deepEqual(reasonOf(await query("many")), [403, "refused", "answer_too_large"]);
});

test("integers beyond 2^53 come as text and bytes not at all", async (t) => {
  const { query } = await setUp(t, {
    large: { sql: "select cents from invoices where id = 1" },
    bytes: { sql: "select scan from invoices" },
    hex: { sql: "select hex(scan) as h from invoices where id = 1" },
  });
  assert.deepEqual((await query("large")).json?.["rows"], [{ cents: "9007199254740993" }]);
  assert.deepEqual(reasonOf(await query("bytes")), [403, "refused", "blob_column"]);
  assert.deepEqual((await query("hex")).json?.["rows"], [{ h: "00" }]);
});

test("joins, groups, windows, JSON and common tables are all allowed", async (t) => {
  const good: Record<string, string> = {
    grouped: "select tenant, count(*) as n, sum(id) as s from invoices group by tenant order by 1 -- note",
    window_rank: "select id, row_number() over (partition by tenant order by id) as r from invoices;",
    common: "with a as (select * from invoices where tenant like 'ac%') select max(id) as m from a",
    json: "select value from json_each('[1,2]') where value > :least /* a :comment with 'quotes' */",
    joined: "select a.id from invoices a join invoices b on a.tenant = b.tenant and a.id < b.id",
  };
  const { query } = await setUp(t, Object.fromEntries(Object.entries(good).map(([view, sql]) => [view, { sql }])));
  for (const view of Object.keys(good)) {
    const reply = await query(view, view === "json" ? { least: 1 } : {});
    assert.equal(reply.status, 200, `${view}: ${reply.body}`);
    assert.notDeepEqual(reply.json?.["rows"], [], view);
  }
});

test("a file that was replaced is read anew and one that is gone is named", async (t) => {
  const { query, file } = await setUp(t, {
    all: { sql: "select count(*) as n from invoices" },
    broken: { sql: "select 1 as a", file: "/nonexistent/x.sqlite" },
  });
  assert.deepEqual((await query("all")).json?.["rows"], [{ n: 3 }]);
  fill(`${file}.next`, ["acme"]);
  renameSync(`${file}.next`, file);
  assert.deepEqual((await query("all")).json?.["rows"], [{ n: 1 }]);
  rmSync(file);
  assert.deepEqual(reasonOf(await query("all")), [403, "refused", "view_unavailable"]);
  writeFileSync(file, "not a database, however long this text is made so that it fills a header");
  assert.deepEqual(reasonOf(await query("all")), [403, "refused", "view_unavailable"]);
  assert.match(String((await query("broken")).json?.["message"]), /no such file; create it/);
});

test("rows that were written after the view was first read are seen", async (t) => {
  const { query, file } = await setUp(t, { all: { sql: "select count(*) as n from invoices" } });
  assert.deepEqual((await query("all")).json?.["rows"], [{ n: 3 }]);
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; INSERT INTO invoices (tenant) VALUES ('new')");
  assert.deepEqual((await query("all")).json?.["rows"], [{ n: 4 }]);
  database.close();
});

test("a deployment file whose view is no one SELECT, has other parameters, or binds what it does not use, is refused", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  const put = async (record: Record<string, unknown>, file = "/x.sqlite"): Promise<unknown> => {
    const reply = await broker.put(
      makeRelease("clerk", 1, { records: { v: { file: "./x", ...record } } }, { v: file }),
    );
    return reply.status === 204 ? 204 : reply.json?.["field"];
  };
  assert.equal(await put({ sql: "select :a", bind: { a: 1 } }), 204);
  assert.equal(await put({ sql: "select 1; select 2" }), "records.v.sql");
  assert.equal(await put({ sql: "pragma user_version" }), "records.v.sql");
  assert.equal(await put({ sql: "select ?" }), "records.v.sql");
  assert.equal(await put({ sql: "select @a" }), "records.v.sql");
  assert.equal(await put({ sql: "select ':a' -- :a", bind: { a: 1 } }), "records.v.bind.a");
  assert.equal(await put({ sql: "select 1" }, "relative.sqlite"), "release.recordFiles.v");
});

test("a spinning query is given up at its limit and its view refused until it ends; nobody else waits", async (t) => {
  const limitMs = 800;
  const views = {
    mover: { sql: `${spin} and a.id < 13` },
    slow: { sql: `${spin} and a.id < :most` },
    quick: { sql: "select count(*) as n from invoices" },
  };
  const { query, file, broker } = await setUp(t, views, { queryMs: limitMs });
  fillForSpinning(file);
  // Over 100 ms of work, so it moves this deployment out of the others' way, even where a busy machine lets it be given up.
  await query("mover");
  await allEnded(broker);
  // The thread that all share runs again before the time counts.
  assert.equal((await query("quick", {}, "other")).status, 200);
  const startedAt = Date.now();
  let givenUpAfter = 0;
  const slow = query("slow", { most: 1000 }).then((reply) => {
    givenUpAfter = Date.now() - startedAt;
    return reply;
  });
  assert.equal((await query("quick", {}, "other")).status, 200);
  assert.equal(givenUpAfter, 0, "another deployment waited for this one's query");
  assert.deepEqual(reasonOf(await slow), [403, "refused", "view_too_slow"]);
  assert.ok(givenUpAfter > limitMs - 10 && givenUpAfter < limitMs + 1500, `${givenUpAfter} ms`);
  assert.equal(broker.broker.stuck, 1);
  assert.deepEqual(reasonOf(await query("slow", { most: 1 })), [403, "refused", "view_too_slow"]);
  assert.equal(broker.broker.stuck, 1, "the refusal came before the query had ended");
  assert.equal((await query("quick")).status, 200);
  await allEnded(broker);
  assert.equal((await query("slow", { most: 1 })).status, 200);
});

test("a deployment with many queries waits for itself: another one's query waits for one of them", async () => {
  const order: string[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const run = (query: Query): Promise<QueryEnd> => {
    const end = last.then(async (): Promise<QueryEnd> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push(query.file);
      return { kind: "done", result: { ok: true, rows: [], truncated: false }, ms: 5 };
    });
    last = end;
    return end;
  };
  const shared = { run } as unknown as QueryLine;
  const records = { open: { file: "./x", sql: "select 1 as n" } };
  const [busy, calm] = [new Records("", shared, queryMs), new Records("", shared, queryMs)];
  const asked = Array.from({ length: 20 }, () =>
    busy.query(makeRelease("clerk", 1, { records }, { open: "busy" }), "open", {}),
  );
  asked.push(calm.query(makeRelease("other", 1, { records }, { open: "calm" }), "open", {}));
  await Promise.all(asked);
  assert.deepEqual([order.indexOf("calm"), order.length], [1, 21]);
});

test("with two views that spin all views of a deployment are refused, and no third thread is lost", async (t) => {
  const views = {
    one: { sql: spin },
    two: { sql: spin },
    three: { sql: spin },
    quick: { sql: "select 1 as n" },
  };
  const { query, file, broker } = await setUp(t, views, { queryMs: 300 });
  fillForSpinning(file);
  const replies = await Promise.all(["one", "two", "three", "quick"].map((view) => query(view)));
  for (const reply of replies) assert.deepEqual(reasonOf(reply), [403, "refused", "view_too_slow"]);
  assert.equal(broker.broker.stuck, 2);
  assert.equal((await query("quick", {}, "other")).status, 200);
  await allEnded(broker);
  assert.equal((await query("quick")).status, 200);
});
