// Which conversation a last exchange belongs to: never one of somebody else, never an older end of it, and never without a bound.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { FoundThreads } from "./found-threads.ts";

const exchange = { asked: "hi", answered: "hello" };
const other = { asked: "hi", answered: "bye" };

function openFound(most?: { ofUser: number; all: number }): FoundThreads {
  return new FoundThreads(openSqlStorage() as unknown as SqlStorage, most);
}

function find(found: FoundThreads, user: string, last: typeof exchange | null, idempotency: string | null = null) {
  return found.find({ user, exchange: last, idempotency });
}

test("the last exchange finds its conversation, with blanks around it too", () => {
  const found = openFound();
  found.note({ user: "amy", thread: "t1", by: { exchange } });
  assert.equal(find(found, "amy", exchange), "t1");
  assert.equal(find(found, "amy", { asked: " hi\n", answered: "hello\n\n" }), "t1");
});

const misses: readonly [name: string, user: string, last: typeof exchange | null, key: string | null][] = [
  ["another user", "bob", exchange, null],
  ["the same name in capitals", "Amy", exchange, null],
  ["another answer", "amy", { asked: "hi", answered: "hello!" }, null],
  ["another question", "amy", { asked: "hi?", answered: "hello" }, null],
  ["question and answer the other way round", "amy", { asked: "hello", answered: "hi" }, null],
  ["nothing", "amy", null, null],
  ["a key that nobody used", "amy", null, "k2"],
  ["somebody else's key", "bob", null, "k1"],
];
for (const [name, user, last, key] of misses)
  test(`${name} finds no conversation`, () => {
    const found = openFound();
    found.note({ user: "amy", thread: "t1", by: { exchange } });
    found.note({ user: "amy", thread: "t1", by: { idempotency: "k1" } });
    assert.equal(find(found, user, last, key), null);
  });

test("an exchange that is not the last one any more finds nothing, but a retry does by its key", () => {
  const found = openFound();
  found.note({ user: "amy", thread: "t1", by: { exchange } });
  found.note({ user: "amy", thread: "t1", by: { idempotency: "k1" } });
  found.note({ user: "amy", thread: "t1", by: { exchange: other } });
  assert.equal(find(found, "amy", exchange), null);
  assert.equal(find(found, "amy", exchange, "k1"), "t1");
  assert.equal(find(found, "amy", other), "t1");
});

test("of two conversations that end alike the later one is found", () => {
  const found = openFound();
  found.note({ user: "amy", thread: "t1", by: { exchange } });
  found.note({ user: "amy", thread: "t2", by: { exchange } });
  assert.equal(find(found, "amy", exchange), "t2");
});

test("whoever fills the table loses their own rows first, and it never holds more than it may", () => {
  const found = openFound({ ofUser: 2, all: 3 });
  const keyOf = (user: string, key: string) => find(found, user, null, key);
  found.note({ user: "bob", thread: "b", by: { idempotency: "k" } });
  for (const key of ["k1", "k2", "k3"]) found.note({ user: "amy", thread: "a", by: { idempotency: key } });
  assert.deepEqual([keyOf("amy", "k1"), keyOf("amy", "k2"), keyOf("amy", "k3")], [null, "a", "a"]);
  found.note({ user: "cem", thread: "c", by: { idempotency: "k" } });
  assert.deepEqual([keyOf("amy", "k3"), keyOf("cem", "k")], ["a", "c"]);
});
