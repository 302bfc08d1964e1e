import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { StartRefused } from "./start-refused.ts";
import { chooseGateId, claimIds, shareOneId } from "./user-ids.ts";

const scratch = mkdtempSync("/tmp/ambit-ids-");
after(() => rmSync(scratch, { recursive: true }));
let number = 0;

function setUp(): { claims: string; state: (name: string) => string } {
  const base = join(scratch, String(number++));
  const state = (name: string): string => {
    mkdirSync(join(base, name), { recursive: true });
    return join(base, name);
  };
  return { claims: join(base, "claims"), state };
}

test("two state folders get blocks that share no id, and each keeps its own", () => {
  const { claims, state } = setUp();
  const a = claimIds(state("a"), undefined, claims);
  const b = claimIds(state("b"), undefined, claims);
  assert.ok(Math.abs(a.base - b.base) >= 100, `${a.base} and ${b.base}`);
  assert.deepEqual(claimIds(state("a"), undefined, claims), a);
  assert.equal(new Set([a.broker, a.front, chooseGateId(a, new Set())]).size, 3);
});

test("the block of a folder that is gone is given again, that of one that stands is not", () => {
  const { claims, state } = setUp();
  const a = claimIds(state("a"), undefined, claims);
  assert.notEqual(claimIds(state("b"), undefined, claims).base, a.base);
  rmSync(state("a"), { recursive: true });
  assert.equal(claimIds(state("c"), undefined, claims).base, a.base);
});

test("a folder that was moved takes its block along, a copy beside the original is refused", () => {
  const { claims, state } = setUp();
  const a = claimIds(state("a"), undefined, claims);
  assert.throws(() => claimIds(state("copy"), a.base, claims), StartRefused);
  renameSync(state("a"), join(state("."), "moved"));
  assert.deepEqual(claimIds(join(state("."), "moved"), a.base, claims), a);
});

test("ids of gates are the lowest free ones of the block, and the 91st is refused", () => {
  const ids = { own: true, base: 66_000, broker: 66_000, front: 66_001, admin: 66_002 };
  assert.equal(chooseGateId(ids, new Set()), 66_010);
  assert.equal(chooseGateId(ids, new Set([66_010, 66_012])), 66_011);
  const most = new Set(Array.from({ length: 89 }, (_, n) => 66_010 + n));
  assert.equal(chooseGateId(ids, most), 66_099);
  assert.equal(chooseGateId(ids, most.add(66_099)), undefined);
});

test("without root every part has the caller's id and none says it is its own", () => {
  assert.deepEqual(shareOneId(1000), { own: false, base: 1000, broker: 1000, front: 1000, admin: 1000 });
});
