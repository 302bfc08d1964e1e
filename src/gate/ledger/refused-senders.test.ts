// Strangers: one answer and one entry a day each, whatever they are called, and never more rows than the table may hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { ChainStore, chainTables } from "./chain-store.ts";
import { mostRefusedSenders, RefusedSenders, refusedSenderTables } from "./refused-senders.ts";

const day = 86_400_000;
const now = 10 * day;
const eve = { channel: "api", user: "eve@evil.example", reason: "sender_not_listed" };

function openDesk() {
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(chainTables + refusedSenderTables);
  const chain = new ChainStore(sql, "ab");
  const count = () => Number(sql.exec("select count(*) as n from refused_senders").one()["n"]);
  return { senders: new RefusedSenders(sql, chain), chain, count };
}

test("a stranger is answered once in 24 hours, and once again after them", () => {
  const { senders, chain } = openDesk();
  const answered = [now, now + 1, now + day - 1, now + day, now + day + 1].map((at) => senders.note(eve, at));
  assert.deepEqual(answered, [true, false, false, true, false]);
  assert.deepEqual(
    chain.read(0, 10).map(({ entry }) => [entry.event, entry.detail]),
    [
      ["sender_refused", eve],
      ["sender_refused", eve],
    ],
  );
});

test("another spelling of the same stranger is not answered again, and another stranger is", () => {
  const { senders } = openDesk();
  senders.note(eve, now);
  for (const user of ["EVE@evil.example", "eve@evil.example ", "e\u200bve@evil.example"]) {
    assert.equal(senders.note({ ...eve, user }, now + 1), false, JSON.stringify(user));
  }
  assert.equal(senders.note({ ...eve, user: "eva@evil.example" }, now + 1), true);
  assert.equal(senders.note({ ...eve, reason: "room_not_listed" }, now + 1), true);
});

test("a name is kept as a digest in the table and printable in the chain", () => {
  const { senders, chain } = openDesk();
  senders.note({ ...eve, user: `\u001b[2Jeve\u202e${"x".repeat(500)}` }, now);
  const detail = JSON.stringify(chain.read(0, 1)[0]?.entry.detail);
  assert.match(detail, /\ufffd\[2Jeve\ufffdx{100}/u);
  assert.ok(detail.length < 400);
});

test("a clock that was wrong silences nobody for longer than a day", () => {
  const { senders } = openDesk();
  assert.equal(senders.note(eve, now + 1000 * day), true);
  assert.deepEqual([senders.note(eve, now), senders.note(eve, now + 1)], [true, false]);
});

test("ten thousand minted senders fill the table, the next is refused in silence, and a day later there is room", () => {
  const { senders, chain, count } = openDesk();
  const minted = (n: number, at: number) => senders.note({ ...eve, user: `u${n}@evil.example` }, at);
  for (let n = 0; n < mostRefusedSenders; n++) assert.equal(minted(n, now + n), true);
  const { sequence } = chain.standing();
  for (let n = mostRefusedSenders; n < mostRefusedSenders + 50; n++)
    assert.equal(minted(n, now + mostRefusedSenders), false);
  assert.equal(minted(0, now + mostRefusedSenders), false);
  assert.deepEqual([count(), chain.standing().sequence], [mostRefusedSenders, sequence]);
  assert.equal(chain.read(sequence - 1, 1)[0]?.entry.detail["moreAreNotRecorded"], true);
  assert.equal(minted(mostRefusedSenders, now + day), true);
  assert.equal(count(), mostRefusedSenders);
});
