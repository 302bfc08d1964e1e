// Control `audit`: what a deployment did is in four chains that a gate cannot rewrite: taken out as one sealed file, verified
// with nothing of ours, and every tampering with the file or with the databases on disk is named. Real processes and files.
import { strict as assert } from "node:assert";
import type { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { writers } from "../src/controls/audit/chain.ts";
import type { FaultKind, Place } from "../src/controls/audit/fault.ts";
import { asFile, makeExport } from "../src/controls/audit/fixtures/sealed-export.ts";
import * as stage from "./audit-stage.ts";
import { judgeBoth } from "./both-verifiers.ts";
import { corrupt } from "./corruptions.ts";
import { seededRandom } from "./seeded-random.ts";

const seed = 20_262;
let exported: stage.Exported;
/** Entries of the gate; all are signed. */
let entries = 0;

before(async () => {
  await stage.open();
  entries = await stage.untilSigned();
  exported = await stage.takeExport();
});

after(() => stage.close());

test("works at all: a real export is whole, and has in it what was done", async () => {
  const { ours } = await judgeBoth(exported.file, exported.key);
  assert.ok(ours.ok, JSON.stringify(ours));
  const { gate } = exported.events;
  for (const event of ["turn_opened", "call_held", "call_done"]) assert.ok(gate?.includes(event), `${event}: ${gate}`);
});

test("a program that uses nothing of ours finds it whole as well", async () => {
  assert.equal((await judgeBoth(exported.file, exported.key)).theirs, null);
});

/** What happened, and whose chain tells it beside the gate's own. */
const told: readonly [writer: string, event: string][] = [
  ["admin", "deployed"],
  ["admin", "decision_passed_on"],
  ["admin", "frozen"],
  ["admin", "thawed"],
  ["broker", "deployment_put"],
  ["broker", "call_forwarded"],
  ["broker", "call_answered"],
  ["broker", "egress_refused"],
  ["broker", "frozen"],
  ["front", "front_started"],
  ["front", "request_refused"],
];

for (const [writer, event] of told) {
  test(`the ${writer}'s chain tells ${event}`, () => {
    assert.ok(exported.events[writer]?.includes(event), exported.events[writer]?.join());
  });
}

test("two hundred corruptions of it are refused by both verifiers, and ours says where", async () => {
  const random = seededRandom(seed);
  const body = { v: 1 as const, at: "2026-05-03T10:00:00Z", event: "turn_opened", detail: {} };
  const others = Array.from({ length: 20 }, (_, index) => ({ writer: writers[index % 4] ?? "gate", body }));
  const other = makeExport({ deployment: "other", exported: "2026-05-03T10:00:00Z", entries: others, seed: 1 });
  for (let index = 0; index < 200; index++) {
    const { name, bytes, at } = corrupt(exported.file, asFile(other), index, (below) => Math.floor(random() * below));
    const { ours, theirs } = await judgeBoth(bytes, exported.key);
    assert.ok(!ours.ok, `${index}, ours takes it: ${name}`);
    assert.notEqual(theirs, null, `${index}, theirs takes it: ${name}`);
    const { place, kind } = ours.fault;
    assert.deepEqual({ ...place, ...at }, place, `${index}, ${name}: ${kind}`);
  }
});

test("a seal that the broker did not sign is refused", async () => {
  const text = exported.file.toString("utf8");
  const at = text.lastIndexOf('"signature":"') + '"signature":"'.length;
  const other = text[at] === "A" ? "B" : "A";
  const forged = Buffer.from(text.slice(0, at) + other + text.slice(at + 1), "utf8");
  const { ours, theirs } = await judgeBoth(forged, exported.key);
  assert.ok(!ours.ok && ours.fault.kind === "bad_signature");
  assert.notEqual(theirs, null);
});

test("an export sealed with another key than the broker's is refused", async () => {
  const forged = asFile(makeExport({ deployment: stage.name, exported: "2026-05-03T10:00:00Z", entries: [], seed: 1 }));
  const { ours, theirs } = await judgeBoth(forged, exported.key);
  assert.ok(!ours.ok && ours.fault.kind === "unknown_key");
  assert.notEqual(theirs, null);
});

const ledgerTables = ["entries", "signatures"];
const rename = "update entries set entry = replace(entry, '\"call_held\"', '\"call_admitted\"')";

test("on disk, one entry of the gate edited: it is named", async () => {
  const edit = (db: DatabaseSync): void => db.exec(rename);
  await stage.whileStopped(() => stage.editRows(stage.ledgerFile(), ledgerTables, edit));
  await expectFault("changed", { chain: "gate", seq: (exported.events["gate"]?.indexOf("call_held") ?? 0) + 1 });
});

test("on disk, the gate's chain rewritten with right heads: it is named, and the broker signs nothing after it", async () => {
  const edit = (db: DatabaseSync): void => (db.exec(rename), stage.rehash(db));
  await stage.whileStopped(() => stage.editRows(stage.ledgerFile(), ledgerTables, edit));
  await expectFault("changed", { chain: "gate" });
  await stage.askAndDecide("after", "deny");
  const refused = (): Promise<boolean> => stage.takeExport().then(({ events }) => isTold(events, "sign_refused"));
  for (let tries = 0; !(await refused()); tries++) {
    assert.ok(tries < 100, "the broker did not refuse to sign");
    await pause(50);
  }
});

test("on disk, the end of the gate's chain cut: the broker remembers more", async () => {
  const last = `where seq > ${entries - 3}`;
  const edit = (db: DatabaseSync): void => db.exec(`delete from entries ${last}; delete from signatures ${last}`);
  await stage.whileStopped(() => stage.editRows(stage.ledgerFile(), ledgerTables, edit));
  await expectFault("cut", { chain: "gate", seq: entries - 2 });
});

test("on disk, the chain of another deployment in the place of the gate's: it is named", async () => {
  await stage.openOther("elsewhere");
  await stage.whileStopped(() =>
    stage.editRows(stage.ledgerFile(), ledgerTables, (db) => {
      db.exec(`attach '${stage.ledgerFile("elsewhere")}' as other`);
      for (const table of ledgerTables)
        db.exec(`delete from ${table}; insert into ${table} select * from other.${table}`);
    }),
  );
  await expectFault("changed", { chain: "gate", seq: 1 });
});

for (const [writer, file] of [
  ["admin", stage.places.registry],
  ["broker", `${stage.places.broker.state}/broker.sqlite`],
] as const) {
  test(`on disk, one entry of the ${writer}'s chain edited: it is named`, async () => {
    await stage.whileStopped(() => stage.editFirst(file));
    await expectFault("changed", { chain: writer, seq: 1 });
  });
}

test("killed at any moment, all of it, the chains are whole and hold what they held", async () => {
  await stage.whileStopped(() => () => undefined);
  const earlier = (await stage.takeExport()).events;
  for (let kills = 0; kills < 2; kills++) {
    stage.sendOnly(`call the tool note with {"text":"killed"}`);
    await pause(kills * 40);
    await stage.killAll();
    const verdict = await stage.verifyLive();
    assert.ok(verdict.ok, verdict.ok ? "" : verdict.fault.message);
  }
  const { events } = await stage.takeExport();
  for (const writer of writers) assert.deepEqual(events[writer]?.slice(0, earlier[writer]?.length), earlier[writer]);
});

async function expectFault(kind: FaultKind, place: Partial<Place>): Promise<void> {
  const verdict = await stage.verifyLive();
  assert.ok(!verdict.ok, "it is taken for whole");
  assert.deepEqual({ ...verdict.fault.place, ...place }, verdict.fault.place, verdict.fault.message);
  assert.equal(verdict.fault.kind, kind);
}

function isTold(events: stage.Exported["events"], event: string): boolean {
  return events["broker"]?.includes(event) === true;
}
