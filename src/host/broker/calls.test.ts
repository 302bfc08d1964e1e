import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ChainTable } from "../chain-table.ts";
import { Calls, usualQuota } from "./calls.ts";
import { openStorage, storageVersion } from "./storage.ts";

function makePath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "ab-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "broker.sqlite");
}

test("a full disk throws at the claim, so that nothing can be dialled on it", (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, new ChainTable(database, "broker"));
  const pages = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
  database.exec(`PRAGMA max_page_count = ${pages}`);
  const claimed: string[] = [];
  assert.throws(
    () => {
      for (let index = 1000; index < 3000; index++) {
        calls.begin("clerk", `call-${index}.1`, "erp:443");
        claimed.push(`call-${index}.1`);
      }
    },
    { message: /full/ },
  );
  assert.ok(claimed.length > 0);
  database.close();
});

test("a call that an earlier life was sending is unknown, one it had answered is answered", async (t) => {
  const path = makePath(t);
  const first = openStorage(path);
  const before = new Calls(first, new ChainTable(first, "broker"));
  before.begin("clerk", "call-0001.1", "erp:443");
  before.begin("clerk", "call-0002.1", "erp:443");
  before.answered("clerk", "call-0002.1", { status: 200, contentType: "text/plain", body: Buffer.from("x") });
  before.begin("clerk", "call-0003.1", "erp:443");
  before.release("clerk", "call-0003.1");
  first.close();
  const second = openStorage(path);
  const after = new Calls(second, new ChainTable(second, "broker"));
  assert.deepEqual(await after.outcome("clerk", "call-0001.1"), { state: "unknown" });
  assert.equal((await after.outcome("clerk", "call-0002.1")).state, "answered");
  assert.deepEqual(await after.outcome("clerk", "call-0003.1"), { state: "not_forwarded" });
  assert.equal(after.begin("clerk", "call-0001.1", "erp:443"), "known");
  second.close();
});

test("of a deployment that is forgotten a later one of its name can use every key, and the others keep theirs", async (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, new ChainTable(database, "broker"));
  for (let index = 1000; index < 1700; index++) calls.begin("clerk", `call-${index}.1`, "erp:443");
  calls.begin("other", "call-1000.1", "erp:443");
  await calls.forget("clerk");
  await calls.forget("clerk");
  assert.equal(calls.begin("clerk", "call-1000.1", "erp:443"), "begun");
  assert.equal(calls.begin("other", "call-1000.1", "erp:443"), "known");
  database.close();
});

test("an answer without a claim is a bug and is thrown", (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, new ChainTable(database, "broker"));
  assert.throws(() => calls.answered("clerk", "call-0001.1", { status: 200, contentType: "", body: Buffer.alloc(0) }));
  database.close();
});

test("bodies are forgotten after a day and rows after seven, neither a minute earlier", async (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, new ChainTable(database, "broker"));
  const [now, minute, day] = [Date.now(), 60_000, 86_400_000];
  calls.begin("clerk", "call-0001.1", "erp:443");
  calls.answered("clerk", "call-0001.1", { status: 200, contentType: "text/plain", body: Buffer.from("text") });
  calls.end("clerk", "call-0001.1");
  const body = async (): Promise<string | null> => {
    const outcome = await calls.outcome("clerk", "call-0001.1");
    return outcome.state === "answered" ? outcome.body : null;
  };
  await calls.sweep(now + day - minute);
  assert.equal(await body(), "text");
  await calls.sweep(now + day + minute);
  assert.equal(await body(), "");
  await calls.sweep(now + 7 * day - minute);
  assert.equal(await body(), "");
  await calls.sweep(now + 7 * day + minute);
  assert.equal(await body(), null);
  database.close();
});

test("a call that was forgotten while the clock was ahead is unknown when it is back, and never not forwarded", async (t) => {
  const path = makePath(t);
  const first = openStorage(path);
  const before = new Calls(first, new ChainTable(first, "broker"));
  before.begin("clerk", "call-0001.1", "erp:443");
  before.answered("clerk", "call-0001.1", { status: 200, contentType: "", body: Buffer.from("paid") });
  before.end("clerk", "call-0001.1");
  const ahead = Date.now() + 8 * 86_400_000;
  await before.sweep(ahead);
  await before.sweep(ahead);
  first.close();
  const second = openStorage(path);
  const after = new Calls(second, new ChainTable(second, "broker"));
  assert.deepEqual(await after.outcome("clerk", "call-0001.1"), { state: "unknown" });
  assert.equal(after.begin("clerk", "call-0002.1", "erp:443"), "begun");
  second.close();
});

test("what was forgotten in its time leaves no doubt about calls of today", async (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, new ChainTable(database, "broker"));
  const old = Date.now() - 8 * 86_400_000;
  database.exec(
    `INSERT INTO forwarded (deployment, call, state, at) VALUES ('clerk', 'call-0001.1', 'broken', ${old})`,
  );
  await calls.sweep(Date.now());
  assert.deepEqual(await calls.outcome("clerk", "call-0002.1"), { state: "not_forwarded" });
  database.close();
});

test("a second broker on the same folder, or a file of a newer program, is refused by name", (t) => {
  const path = makePath(t);
  const database = openStorage(path);
  assert.throws(() => openStorage(path), /another broker holds it/);
  database.exec(`PRAGMA user_version = ${storageVersion + 1}`);
  database.close();
  assert.throws(() => openStorage(path), /newer Ambit/);
});

test("a file that is no database, or stands in no folder, is refused with its name and what to do", (t) => {
  const path = makePath(t);
  writeFileSync(path, "x".repeat(5000));
  for (const bad of [path, join(path, "broker.sqlite")])
    assert.throws(
      () => openStorage(bad),
      (error: Error) =>
        error.message.startsWith(`${bad}: cannot be used (`) && /restore it from a backup/.test(error.message),
    );
});

test("a deployment that keeps too many calls gets no more, and others do", async (t) => {
  const path = makePath(t);
  const quota = { ...usualQuota, rows: 3 };
  const database = openStorage(path);
  const calls = new Calls(database, new ChainTable(database, "broker"), quota);
  for (const call of ["call-0001.1", "call-0002.1"]) assert.equal(calls.begin("clerk", call, "erp:443"), "begun");
  assert.equal((await calls.outcome("clerk", "call-0003.1")).state, "not_forwarded");
  assert.equal(calls.begin("clerk", "call-0004.1", "erp:443"), "full");
  await assert.rejects(calls.outcome("clerk", "call-0004.1"), /too many/);
  assert.equal((await calls.outcome("clerk", "call-0003.1")).state, "not_forwarded");
  assert.equal(calls.begin("other", "call-0004.1", "erp:443"), "begun");
  calls.release("clerk", "call-0001.1");
  assert.equal(calls.begin("clerk", "call-0004.1", "erp:443"), "begun");
  database.close();
  const again = openStorage(path);
  assert.equal(
    new Calls(again, new ChainTable(again, "broker"), quota).begin("clerk", "call-0005.1", "erp:443"),
    "full",
  );
  again.close();
});

test("beyond its share of bodies a deployment loses its oldest, and others none", async (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, new ChainTable(database, "broker"), { ...usualQuota, bodyBytes: 1000 });
  const answer = { status: 200, contentType: "", body: Buffer.alloc(100, 97) };
  const add = (deployment: string, call: string): void => {
    calls.begin(deployment, call, "erp:443");
    calls.answered(deployment, call, answer);
    calls.end(deployment, call);
  };
  const length = async (deployment: string, call: string): Promise<number> => {
    const outcome = await calls.outcome(deployment, call);
    return outcome.state === "answered" ? outcome.body.length : -1;
  };
  add("other", "call-0001.1");
  for (let index = 1001; index <= 1010; index++) add("clerk", `call-${index}.1`);
  assert.equal(await length("clerk", "call-1001.1"), 100);
  add("clerk", "call-1011.1");
  assert.equal(await length("clerk", "call-1001.1"), 0);
  assert.equal(await length("other", "call-0001.1"), 100);
  database.close();
});

test("beyond its number of bodies a deployment loses its oldest as well, however small they are", async (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, new ChainTable(database, "broker"), { ...usualQuota, bodies: 100 });
  const add = (call: string, bytes: number): void => {
    calls.begin("clerk", call, "erp:443");
    calls.answered("clerk", call, { status: 200, contentType: "", body: Buffer.alloc(bytes, 97) });
  };
  const kept = (): number =>
    Number(database.prepare("SELECT count(*) AS n FROM forwarded WHERE body IS NOT NULL").get()?.["n"]);
  for (let index = 1000; index < 1100; index++) add(`call-${index}.1`, 0);
  assert.equal(kept(), 100);
  for (let index = 1100; index < 1300; index++) add(`call-${index}.1`, 1);
  assert.ok(kept() <= 100 && kept() >= 98, String(kept()));
  const last = database.prepare("SELECT body FROM forwarded WHERE call = 'call-1299.1'").get();
  assert.notEqual(last?.["body"], null);
  database.close();
});

test("a large answer after very many small ones is stored without a long stand", (t) => {
  const database = openStorage(makePath(t));
  database.exec(`
    BEGIN;
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 60000)
      INSERT INTO forwarded SELECT 'clerk', 'small_' || x || '.1', 'answered', x, 200, '', '', x'' FROM n;
    COMMIT`);
  const calls = new Calls(database, new ChainTable(database, "broker"), { ...usualQuota, bodyBytes: 1000 });
  calls.begin("clerk", "call-0001.1", "erp:443");
  const startedAt = performance.now();
  calls.answered("clerk", "call-0001.1", { status: 200, contentType: "", body: Buffer.alloc(2000) });
  // Forgetting them a few at a time, counting in between, took more than ten seconds.
  assert.ok(performance.now() - startedAt < 2000);
  database.close();
});

test("a sweep of many rows lets others go on in between, and ends at once when the broker does", async (t) => {
  const database = openStorage(makePath(t));
  const fill = (): void =>
    database.exec(`
      BEGIN;
      WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000)
        INSERT INTO forwarded SELECT 'clerk', 'old_' || x || '.1', 'answered', x, 200, '', '', x'00' FROM n;
      COMMIT`);
  const calls = new Calls(database, new ChainTable(database, "broker"));
  fill();
  let passes = 0;
  const counting = setInterval(() => passes++, 0);
  await calls.sweep(Date.now());
  clearInterval(counting);
  assert.ok(passes >= 3, String(passes));
  assert.equal(database.prepare("SELECT count(*) AS n FROM forwarded WHERE deployment <> ''").get()?.["n"], 0);
  fill();
  const swept = calls.sweep(Date.now());
  calls.close();
  database.close();
  await swept;
});
