import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { AnswerStore, keepMs, maxKeys } from "./answer-store.ts";
import { Idempotency, readKey } from "./idempotency.ts";
import type { Reply } from "./problem.ts";
import { openStore } from "./store.ts";

const folder = mkdtempSync("/tmp/ambit-answers-");
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const now = Date.UTC(2026, 0, 1);

function open(path = join(folder, `${files++}.sqlite`)) {
  const db = openStore(path);
  return { path, db, idempotency: new Idempotency(new AnswerStore(db)) };
}

const asked = { token: "AAAAAAAAAAAA", bearer: "Bearer ambit_cli_x", key: "k", request: "r" };
const secret = "ambit_ch_the_token_of_the_answer";
const reply: Reply = { status: 200, headers: { "content-type": "application/json" }, body: `{"token":"${secret}"}` };

/** An act that counts how often it was done. */
function counted(answer: Reply = reply) {
  const done = { times: 0 };
  return { done, act: async () => ((done.times += 1), answer) };
}

test("the same request with the same key is done once and answered the same, also after a restart", async () => {
  const { path, db, idempotency } = open();
  const { done, act } = counted();
  assert.deepEqual(await idempotency.once(asked, now, act), reply);
  db.close();
  const again = await open(path).idempotency.once(asked, now + keepMs - 1, act);
  assert.deepEqual(again, { ...reply, headers: { ...reply.headers, "idempotent-replayed": "true" } });
  assert.equal(done.times, 1);
});

test("after a day the key is free again", async () => {
  const { idempotency } = open();
  const { done, act } = counted();
  await idempotency.once(asked, now, act);
  await idempotency.once(asked, now + keepMs, act);
  assert.equal(done.times, 2);
});

test("another request with the same key is refused and names the header; another token's same key is its own", async () => {
  const { idempotency } = open();
  const { done, act } = counted();
  await idempotency.once(asked, now, act);
  const other = await idempotency.once({ ...asked, request: "s" }, now, act);
  assert.ok("code" in other);
  assert.deepEqual([other.status, other.code, other.field], [409, "idempotency_key_reused", "Idempotency-Key"]);
  await idempotency.once({ ...asked, token: "BBBBBBBBBBBB" }, now, act);
  assert.equal(done.times, 2);
});

test("two at the same moment are done once; the second is told that it is under way", async () => {
  const { idempotency } = open();
  const first = Promise.withResolvers<Reply>();
  const one = idempotency.once(asked, now, () => first.promise);
  const two = await idempotency.once(asked, now, () => assert.fail("done twice"));
  assert.ok("code" in two && two.code === "request_under_way" && two.status === 409);
  first.resolve(reply);
  assert.deepEqual(await one, reply);
});

test("what was begun and has no answer is unknown, and is not done again", async () => {
  const { path, db, idempotency } = open();
  void idempotency.once(asked, now, () => new Promise<Reply>(() => undefined));
  db.close();
  const after_ = await open(path).idempotency.once(asked, now, () => assert.fail("done twice"));
  assert.ok("code" in after_ && after_.code === "outcome_unknown" && after_.status === 409);
});

test("nobody knows after a fault, so it is not done again; where nothing was done it may be", async () => {
  for (const [status, times] of [
    [503, 2],
    [504, 1],
    [500, 1],
    [409, 1],
  ] as const) {
    const { idempotency } = open();
    const { done, act } = counted({ ...reply, status });
    await idempotency.once(asked, now, act);
    await idempotency.once(asked, now, act);
    assert.equal(done.times, times, String(status));
  }
});

test("the file does not hold what was answered, and another bearer does not open it", async () => {
  const { path, db, idempotency } = open();
  await idempotency.once(asked, now, counted().act);
  db.exec("pragma wal_checkpoint(truncate)");
  const bytes = readFileSync(path);
  assert.ok(!bytes.includes(secret) && !bytes.includes("content-type"));
  await assert.rejects(idempotency.once({ ...asked, bearer: "Bearer ambit_cli_y" }, now, counted().act));
});

test("a token has so many keys a day and not one more, whatever others have", async () => {
  const { db, idempotency } = open();
  const insert = db.prepare("insert into answers values (?, ?, 'r', x'00', null, ?)");
  db.exec("begin");
  for (let n = 1; n < maxKeys; n++) insert.run(asked.token, `k${n}`, now);
  db.exec("commit");
  const { done, act } = counted();
  assert.equal((await idempotency.once(asked, now, act)).status, 200);
  const over = await idempotency.once({ ...asked, key: "one more" }, now, act);
  assert.deepEqual([over.status, "code" in over && over.code], [429, "too_many_keys"]);
  assert.equal((await idempotency.once({ ...asked, token: "BBBBBBBBBBBB" }, now, act)).status, 200);
  assert.equal(done.times, 2);
});

test("a key is visible ASCII of a bounded length", () => {
  for (const good of [null, "k", "~".repeat(128)]) assert.equal(readKey(good), good);
  for (const bad of ["", " ", "a b", "é", "k".repeat(129), "a, b"]) {
    const refused = readKey(bad);
    assert.ok(refused !== null && typeof refused !== "string" && refused.status === 422, JSON.stringify(bad));
  }
});

test("a disk that is full: nothing is done without a place for the answer, and what was done is answered", async () => {
  const { db, idempotency } = open();
  const pages = Number(db.prepare("pragma page_count").get()?.["page_count"]);
  const limit = (most: number) => db.exec(`pragma max_page_count = ${most}`);
  const big = { ...reply, body: "x".repeat(100_000) };
  limit(pages + 1);
  const { done, act } = counted(big);
  assert.equal((await idempotency.once(asked, now, act)).status, 200);
  const again = await idempotency.once(asked, now, act);
  assert.ok("code" in again && again.code === "outcome_unknown");
  let refused: Awaited<ReturnType<Idempotency["once"]>> = reply;
  for (let n = 0; n < 2000 && refused.status !== 503; n++) {
    refused = await idempotency.once({ ...asked, key: `k${n}`.padEnd(100, "k") }, now, async () => big);
  }
  assert.ok("code" in refused && refused.code === "not_on_disk");
  assert.equal(done.times, 1);
});
