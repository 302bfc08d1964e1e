// An id stands for one body, whatever user or conversation it names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { mostSignedIds, SignedIds } from "./signed-ids.ts";

const now = Date.UTC(2026, 0, 1);
const minute = 60_000;

function open() {
  const sql = openSqlStorage() as unknown as SqlStorage;
  const ids = new SignedIds(sql);
  const say = (idempotency: string | null, bodyHash: string | null, at = now, channel = "webhook") => {
    const id = { channel, idempotency, bodyHash };
    const refusal = ids.refuse(id, at);
    if (!refusal) ids.note(id, at);
    return refusal?.reason ?? "taken";
  };
  const rows = () => Number(sql.exec("select count(*) as n from signed_ids").one()["n"]);
  return { sql, say, rows };
}

test("the same id with another body is refused, with the same body or on another channel it is not", () => {
  const { say, rows } = open();
  assert.equal(say("msg_1", "a"), "taken");
  assert.equal(say("msg_1", "a"), "taken");
  assert.equal(say("msg_1", "b"), "idempotency_key_reused");
  assert.equal(say("msg_2", "b"), "taken");
  assert.equal(say("msg_1", "b", now, "other"), "taken");
  assert.equal(rows(), 3);
});

test("a message that was not signed is none of this", () => {
  const { say, rows } = open();
  for (const [id, body] of [
    ["k", null],
    [null, null],
    [null, "a"],
  ] as const)
    assert.equal(say(id, body), "taken");
  assert.equal(rows(), 0);
});

test("an id is kept a day, and one of the future as long", () => {
  const { say, rows } = open();
  say("msg_1", "a");
  assert.equal(say("msg_1", "b", now + 24 * 60 * minute), "idempotency_key_reused");
  assert.equal(say("msg_2", "a", now + 24 * 60 * minute + 1), "taken");
  assert.equal(rows(), 1);
});

test("when too many are young further ones are refused, and none that is young is forgotten", () => {
  const { sql, say, rows } = open();
  const fill =
    "with recursive c(x) as (select 1 union all select x + 1 from c where x < ?) insert into signed_ids (id, body, at) select 'f' || x, 'b', ? from c";
  sql.exec(fill, mostSignedIds - 1, now);
  assert.equal(say("last", "a"), "taken");
  assert.equal(say("more", "a"), "too_many_messages");
  assert.equal(say("last", "b"), "idempotency_key_reused");
  assert.equal(say("more", "a", now + 20 * minute), "too_many_messages");
  assert.equal(say("more", "a", now + 20 * minute + 1), "taken");
  assert.equal(rows(), mostSignedIds - mostSignedIds / 100 + 1);
});
