import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { makeRelease } from "./fixtures/stand.ts";
import { openRegistry, registryVersion, type Registry } from "./registry.ts";
import { StartRefused } from "./start-refused.ts";

const scratch = mkdtempSync("/tmp/ambit-registry-");
after(() => rmSync(scratch, { recursive: true }));
let number = 0;
const fresh = (): string => join(scratch, `${number++}.sqlite`);
const open = (path: string): Registry => openRegistry(path, () => "another one runs");

const note = { by: "amy", diff: null };
const row = { name: "alpha", uid: 66_010, tokenDigest: "d", tokenId: "i", created: "2026-01-01T00:00:00Z" };

test("a second opening is refused with the words given, and passes once the first has closed", () => {
  const path = fresh();
  const first = open(path);
  assert.throws(() => open(path), new StartRefused("another one runs"));
  first.close();
  open(path).close();
});

test("only its owner may read the file", () => {
  const path = fresh();
  open(path).close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a registry of this schema opens and one of the next is refused", () => {
  const path = fresh();
  open(path).close();
  const db = new DatabaseSync(path);
  db.exec(`pragma user_version = ${registryVersion + 1}`);
  db.close();
  assert.throws(() => open(path), /written by a newer Ambit/);
});

test("a registry from before there was a history opens, and what it runs has run", () => {
  for (const version of [1, 2]) {
    const path = fresh();
    const db = new DatabaseSync(path);
    db.exec(`
      create table deployments (name text primary key, uid integer not null, release text not null,
        token_digest text not null, token_id text not null, created text not null) strict;
      create table pending (name text primary key, uid integer not null) strict;
      pragma user_version = ${version}`);
    const release = makeRelease("alpha");
    const insert = db.prepare("insert into deployments values ('alpha', 66010, ?, 'd', 'i', '2026-01-01T00:00:00Z')");
    insert.run(JSON.stringify(release));
    db.close();
    for (const turn of [1, 2]) {
      const registry = open(path);
      const [only, ...more] = registry.releases.list("alpha", release.release);
      assert.deepEqual([only?.release, only?.running, more], [release.release, true, []], `opening ${turn}`);
      assert.deepEqual(registry.releases.open("alpha", release.release), release);
      assert.deepEqual(registry.find("alpha")?.release, release);
      registry.close();
    }
  }
});

test("of many releases the oldest go, but never what runs and what ran before it", () => {
  const registry = open(fresh());
  const [first, second] = [makeRelease("alpha", "first"), makeRelease("alpha", "second")];
  registry.commit({ ...row, release: first }, note);
  registry.commit({ ...row, release: second }, note);
  for (let n = 0; n < 60; n++) {
    registry.releases.add("alpha", makeRelease("alpha", `bad ${n}`), { ...note, outcome: "its gate did not start" });
  }
  const all = registry.releases.list("alpha", second.release);
  assert.equal(all.length, 52);
  assert.deepEqual(
    all.filter(({ outcome }) => outcome === "ran").map(({ release, running }) => [release, running]),
    [
      [second.release, true],
      [first.release, false],
    ],
  );
  assert.equal(registry.releases.before("alpha", second.release), first.release);
  assert.equal(registry.releases.open("alpha", makeRelease("alpha", "bad 59").release), undefined, "it never ran");
  assert.deepEqual(registry.releases.match("alpha", first.release.slice(0, 8)), [first.release]);
  registry.close();
});

test("what is removed is gone but for its chain, and its user id is used until nothing of it is left", () => {
  const registry = open(fresh());
  registry.commit({ ...row, release: makeRelease("alpha") }, note);
  registry.freeze("alpha", { by: "eve", reason: "", at: "2026-01-02T03:04:05.000Z" });
  registry.beginRemoval({ ...row, release: makeRelease("alpha") }, "ops", "/kept");
  assert.deepEqual([registry.list(), registry.frozen("alpha")], [[], undefined]);
  assert.deepEqual([registry.removing(), [...registry.usedUids()]], [[{ name: "alpha", uid: 66_010 }], [66_010]]);
  registry.endRemoval("alpha");
  assert.deepEqual([registry.removing(), [...registry.usedUids()]], [[], []]);
  assert.deepEqual(registry.releases.list("alpha", ""), []);
  assert.equal(registry.audit.page("alpha", 0).entries.length, 3);
  registry.close();
});

test("a file that is no database is refused in plain words", () => {
  const path = fresh();
  writeFileSync(path, "root:x:0:0:root:/root:/bin/bash\n".repeat(200));
  assert.throws(() => open(path), StartRefused);
});

test("a deployment that was only begun is not listed; committed it is, and no longer pending", () => {
  const registry = open(fresh());
  registry.begin("alpha", 66_010);
  assert.deepEqual(registry.list(), []);
  assert.deepEqual(registry.pending(), [{ name: "alpha", uid: 66_010 }]);
  registry.commit({ ...row, release: makeRelease("alpha") }, note);
  assert.deepEqual(registry.pending(), []);
  assert.deepEqual(registry.find("alpha"), { ...row, release: makeRelease("alpha") });
  registry.close();
});

test("a new release keeps user id, token and date of the first", () => {
  const registry = open(fresh());
  registry.commit({ ...row, release: makeRelease("alpha") }, note);
  const other = { name: "alpha", uid: 1, tokenDigest: "other", tokenId: "other", created: "other" };
  registry.commit({ ...other, release: makeRelease("alpha", "second") }, note);
  assert.deepEqual(registry.list(), [{ ...row, release: makeRelease("alpha", "second") }]);
  registry.close();
});

test("a release that this version cannot read is listed as one that cannot run, beside the others", () => {
  const path = fresh();
  const registry = open(path);
  registry.commit({ ...row, release: makeRelease("alpha") }, note);
  registry.commit({ ...row, name: "beta", uid: 66_011, release: makeRelease("beta") }, note);
  registry.close();
  const db = new DatabaseSync(path);
  db.exec(`update deployments set release = '{"v":2}' where name = 'alpha'`);
  db.close();
  const again = open(path);
  assert.deepEqual(
    again.list().map(({ name, release }) => [name, release?.manifest.name]),
    [
      ["alpha", undefined],
      ["beta", "beta"],
    ],
  );
  again.close();
});

test("user ids of begun and of running deployments count as used, those of undone ones do not", () => {
  const registry = open(fresh());
  registry.begin("alpha", 66_010);
  registry.commit({ ...row, name: "beta", uid: 66_011, release: makeRelease("beta") }, note);
  assert.deepEqual([...registry.usedUids()].sort(), [66_010, 66_011]);
  registry.undo("alpha");
  assert.deepEqual([...registry.usedUids()], [66_011]);
  registry.close();
});

test("a freeze is on disk, keeps the words of the first, outlives releases and restarts, and a thaw takes it away", () => {
  const path = fresh();
  const registry = open(path);
  registry.commit({ ...row, release: makeRelease("alpha") }, note);
  const first = { by: "eve", reason: "looks odd", at: "2026-01-02T03:04:05.000Z" };
  registry.freeze("alpha", first);
  registry.freeze("alpha", { ...first, by: "mallory", reason: "" });
  registry.commit({ ...row, release: makeRelease("alpha", "second") }, note);
  registry.close();
  const again = open(path);
  assert.deepEqual([again.frozen("alpha"), again.frozen("beta"), again.isPinDue("alpha")], [first, undefined, false]);
  again.setPinDue("alpha");
  again.setPinDue("beta");
  assert.deepEqual([again.isPinDue("alpha"), again.isPinDue("beta")], [true, false]);
  again.thaw("alpha", "ops");
  again.thaw("alpha", "ops");
  assert.deepEqual([again.frozen("alpha"), again.isPinDue("alpha")], [undefined, false]);
  const told = again.audit.page("alpha", 0).entries.map(({ entry }) => {
    const { event, detail } = entry as { event: string; detail: { by?: string } };
    return [event, detail.by ?? null];
  });
  assert.deepEqual(told, [
    ["deployed", "amy"],
    ["frozen", "eve"],
    ["deployed", "amy"],
    ["thawed", "ops"],
  ]);
  again.close();
});
