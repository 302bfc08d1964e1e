import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Calls, usualQuota } from "./calls.ts";
import { openStorage, storageVersion } from "./storage.ts";

function makePath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "ab-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "broker.sqlite");
}

test("a full disk throws at the claim, so that nothing can be dialled on it", (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database);
  const pages = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
  database.exec(`PRAGMA max_page_count = ${pages}`);
  const claimed: string[] = [];
  assert.throws(
    () => {
      for (let index = 1000; index < 3000; index++) {
        calls.begin("clerk", `call-${index}.1`);
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
  const before = new Calls(first);
  before.begin("clerk", "call-0001.1");
  before.begin("clerk", "call-0002.1");
  before.answered("clerk", "call-0002.1", { status: 200, contentType: "text/plain", body: Buffer.from("x") });
  before.begin("clerk", "call-0003.1");
  before.release("clerk", "call-0003.1");
  first.close();
  const second = openStorage(path);
  const after = new Calls(second);
  assert.deepEqual(await after.outcome("clerk", "call-0001.1"), { state: "unknown" });
  assert.equal((await after.outcome("clerk", "call-0002.1")).state, "answered");
  assert.deepEqual(await after.outcome("clerk", "call-0003.1"), { state: "not_forwarded" });
  assert.equal(after.begin("clerk", "call-0001.1"), "known");
  second.close();
});

test("an answer without a claim is a bug and is thrown", (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database);
  assert.throws(() => calls.answered("clerk", "call-0001.1", { status: 200, contentType: "", body: Buffer.alloc(0) }));
  database.close();
});

test("bodies are forgotten after a day and rows after seven, neither a minute earlier", async (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database);
  const [now, minute, day] = [Date.now(), 60_000, 86_400_000];
  calls.begin("clerk", "call-0001.1");
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

test("a second broker on the same folder, or a file of a newer program, is refused by name", (t) => {
  const path = makePath(t);
  const database = openStorage(path);
  assert.throws(() => openStorage(path), /another broker holds it/);
  database.exec(`PRAGMA user_version = ${storageVersion + 1}`);
  database.close();
  assert.throws(() => openStorage(path), /newer Ambit/);
});

test("a deployment that keeps too many calls gets no more, and others do", async (t) => {
  const path = makePath(t);
  const quota = { ...usualQuota, rows: 3 };
  const database = openStorage(path);
  const calls = new Calls(database, quota);
  for (const call of ["call-0001.1", "call-0002.1"]) assert.equal(calls.begin("clerk", call), "begun");
  assert.equal((await calls.outcome("clerk", "call-0003.1")).state, "not_forwarded");
  assert.equal(calls.begin("clerk", "call-0004.1"), "full");
  await assert.rejects(calls.outcome("clerk", "call-0004.1"), /too many/);
  assert.equal((await calls.outcome("clerk", "call-0003.1")).state, "not_forwarded");
  assert.equal(calls.begin("other", "call-0004.1"), "begun");
  calls.release("clerk", "call-0001.1");
  assert.equal(calls.begin("clerk", "call-0004.1"), "begun");
  database.close();
  const again = openStorage(path);
  assert.equal(new Calls(again, quota).begin("clerk", "call-0005.1"), "full");
  again.close();
});

test("beyond its share of bodies a deployment loses its oldest, and others none", async (t) => {
  const database = openStorage(makePath(t));
  const calls = new Calls(database, { ...usualQuota, bodyBytes: 1000 });
  const answer = { status: 200, contentType: "", body: Buffer.alloc(100, 97) };
  const add = (deployment: string, call: string): void => {
    calls.begin(deployment, call);
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
