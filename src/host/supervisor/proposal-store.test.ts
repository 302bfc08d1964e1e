// Proposals on disk: whose they are, what they are compared with, and when they are over.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { AuthorityDiffView } from "../../controls/wire/releases.ts";
import { makeRelease } from "./fixtures/stand.ts";
import { proposalMs, ProposalStore, proposalTables } from "./proposal-store.ts";

const release = makeRelease("alpha", "wider");
const against = makeRelease("alpha").release;
const diff: AuthorityDiffView = {
  from: against,
  to: release.release,
  hash: "0".repeat(64),
  grew: [],
  shrank: [],
  changed: [],
};
const now = Date.parse("2026-01-01T00:00:00Z");

function store(): ProposalStore {
  const db = new DatabaseSync(":memory:");
  db.exec(proposalTables);
  const proposals = new ProposalStore(db);
  proposals.put("alpha", release, diff, "amy", now);
  return proposals;
}

test("a proposal is kept whole, and is nobody else's", () => {
  const proposals = store();
  assert.deepEqual(proposals.open("alpha", release.release), release);
  assert.equal(proposals.find("alpha", release.release, now)?.state, "open");
  assert.deepEqual(
    [proposals.find("beta", release.release, now), proposals.open("beta", release.release)],
    [undefined, undefined],
  );
});

test("undecided it is over after seven days, and so it is for a clock that went back", () => {
  const proposals = store();
  const stateAt = (at: number) => proposals.find("alpha", release.release, at)?.state;
  assert.deepEqual([stateAt(now + proposalMs), stateAt(now + proposalMs + 1)], ["open", "expired"]);
  assert.equal(stateAt(now - proposalMs - 1), "expired");
});

test("proposed again, the votes before are over", () => {
  const proposals = store();
  proposals.vote("alpha", release.release, { by: "bob", decision: "approve", at: now });
  assert.equal(proposals.find("alpha", release.release, now)?.votes.length, 1);
  proposals.put("alpha", release, diff, "cem", now + 1);
  const again = proposals.find("alpha", release.release, now + 1);
  assert.deepEqual([again?.by, again?.votes], ["cem", []]);
});

test("when another release runs, what was compared with the one before is void, and what was decided stays decided", () => {
  const proposals = store();
  const other = makeRelease("alpha", "denied");
  proposals.put("alpha", other, { ...diff, to: other.release }, "amy", now);
  proposals.setState("alpha", other.release, "denied");
  proposals.voidOthers("alpha", against);
  assert.equal(proposals.find("alpha", release.release, now)?.state, "open", "that is the one it was compared with");
  proposals.voidOthers("alpha", "f".repeat(64));
  assert.equal(proposals.find("alpha", release.release, now)?.state, "void");
  assert.equal(proposals.find("alpha", other.release, now)?.state, "denied");
});

test("of many proposals the oldest go, with their votes", () => {
  const proposals = store();
  proposals.vote("alpha", release.release, { by: "bob", decision: "approve", at: now });
  for (let n = 1; n <= 20; n++) proposals.put("alpha", makeRelease("alpha", `wider ${n}`), diff, "amy", now + n);
  assert.equal(proposals.list("alpha", now).length, 20);
  assert.equal(proposals.find("alpha", release.release, now), undefined);
  proposals.forget("alpha");
  assert.deepEqual(proposals.list("alpha", now), []);
});
