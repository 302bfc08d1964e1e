import assert from "node:assert/strict";

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { keptBackups, listBackups, makeBackup } from "./backup.ts";
import { makeRelease } from "./fixtures/stand.ts";
import { testSteps } from "./fixtures/upgrade.ts";
import { lockRegistry, openRegistry, registryVersion } from "./registry.ts";
import { findStateVersion, type StateStep } from "./state-version.ts";
import { upgradeState } from "./upgrade.ts";

const scratch = mkdtempSync("/tmp/ambit-upgrade-");
after(() => rmSync(scratch, { recursive: true }));
let number = 0;

const row = { name: "alpha", uid: 66_010, tokenDigest: "d", tokenId: "i", created: "2026-01-01T00:00:00Z" };

/** A state folder with one deployment; `isBare`: as before there were versions. */
function makeState(isBare = true): string {
  const state = join(scratch, String(number++));
  mkdirSync(join(state, "gates"), { recursive: true });
  mkdirSync(join(state, "programs"));
  writeFileSync(join(state, "programs", "big"), "x".repeat(100_000));
  for (let n = 0; n < 20; n++) writeFileSync(join(state, "gates", `file-${n}`), "one\n", { mode: 0o600 });
  const registry = openRegistry(join(state, "host.sqlite"), () => "");
  registry.commit({ ...row, release: makeRelease("alpha") }, { by: "amy", diff: null });
  registry.close();
  if (isBare) edit(state, "delete from meta where key like 'state%'");
  return state;
}

function edit(state: string, sql: string): void {
  const db = new DatabaseSync(join(state, "host.sqlite"));
  db.exec(sql);
  db.close();
}

function look<T>(state: string, ask: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(state, "host.sqlite"), { readOnly: true });
  try {
    return ask(db);
  } finally {
    db.close();
  }
}

async function upgrade(state: string, steps: readonly StateStep[], ambit = "0.9.0"): Promise<object[]> {
  const lines: object[] = [];
  const db = lockRegistry(join(state, "host.sqlite"), () => "another one runs");
  const log = { event: (event: string, detail: object = {}) => void lines.push({ event, ...detail }) };
  try {
    await upgradeState({ state, db, steps, ambit, log, quiet: () => Promise.resolve() });
  } finally {
    db.close();
  }
  return lines;
}

const counted = (state: string) => look(state, (db) => db.prepare("select n from counted").get()?.["n"]);
const versionOf = (state: string) => look(state, findStateVersion)?.version;
const texts = (folder: string) => [
  ...new Set(readdirSync(join(folder, "gates")).map((name) => readFileSync(join(folder, "gates", name), "utf8"))),
];

test("state of this version, and a folder with nothing in it, are left as they are without a backup", async () => {
  for (const isBare of [true, false]) {
    const state = makeState(isBare);
    assert.deepEqual([await upgrade(state, []), listBackups(state)], [[], []]);
  }
  const state = join(scratch, "empty");
  mkdirSync(state);
  assert.deepEqual(await upgrade(state, testSteps), []);
  assert.equal(look(state, findStateVersion), null);
});

test("older state is copied whole before it is changed, and only its owner gets into the copy", async () => {
  const state = makeState();
  chmodSync(join(state, "gates", "file-0"), 0o640);
  const lines = await upgrade(state, testSteps);
  const [backup, ...more] = listBackups(state);
  assert.ok(backup && more.length === 0);
  assert.match(backup.name, /^20[0-9-]+T[0-9-]+Z-v1$/);
  assert.deepEqual(lines, [
    { event: "state_upgrade_begun", state, from: 1, to: 4 },
    { event: "state_backed_up", backup: backup.path, version: 1 },
    { event: "state_upgraded", from: 1, to: 4, backup: backup.path },
  ]);
  assert.deepEqual([versionOf(state), counted(state), texts(state)], [4, 2, ["one\nthree\nfour\n"]]);
  assert.deepEqual(
    [texts(backup.path), readdirSync(backup.path).sort()],
    [["one\n"], ["backup.json", "gates", "host.sqlite"]],
  );
  const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
  assert.deepEqual(
    [join(state, "backups"), backup.path, join(backup.path, "host.sqlite"), join(backup.path, "gates/file-0")].map(
      mode,
    ),
    ["700", "700", "600", "640"],
  );
  assert.deepEqual(await upgrade(state, testSteps), [], "once is enough");
});

test("a copy that was put back as docs/upgrades.md says is the state from before, and can be upgraded again", async () => {
  const state = makeState();
  await upgrade(state, testSteps);
  const [backup] = listBackups(state);
  assert.ok(backup);
  const page = readFileSync(new URL("../../../docs/upgrades.md", import.meta.url), "utf8");
  const script = /^## Going back\n[\s\S]*?\n```sh no-run\n([\s\S]*?)```/m.exec(page)?.[1];
  assert.ok(script, "the page has the commands");
  execFileSync("/bin/sh", ["-euc", script], { env: { PATH: process.env["PATH"], STATE: state, BACKUP: backup.name } });
  const registry = openRegistry(join(state, "host.sqlite"), () => "");
  assert.equal(registry.find("alpha")?.release?.manifest.name, "alpha");
  registry.close();
  assert.deepEqual([versionOf(state), texts(state)], [1, ["one\n"]]);
  await upgrade(state, testSteps);
  assert.deepEqual([versionOf(state), counted(state)], [4, 2]);
});

test("newer state is refused in one line with both versions, the folder, what to do and the backup, and is left as it is", async () => {
  const state = makeState();
  await upgrade(state, testSteps, "2.0.0");
  const before = readFileSync(join(state, "host.sqlite"));
  const [backup] = listBackups(state);
  await assert.rejects(upgrade(state, testSteps.slice(0, 1), "1.0.0"), {
    name: "StartRefused",
    message:
      `the state in ${state} has version 4, written by Ambit 2.0.0; this Ambit 1.0.0 knows version 2 and leaves it as it is: ` +
      `start the newer one, or go back to the backup ${backup?.path} (docs/upgrades.md)`,
  });
  assert.deepEqual(readFileSync(join(state, "host.sqlite")), before);
  rmSync(join(state, "backups"), { recursive: true });
  await assert.rejects(upgrade(state, [], "1.0.0"), /there is no backup of version 1 or before/);
  await upgrade(state, testSteps, "1.0.0");
});

test("an Ambit from before there were versions refuses it as well", () => {
  assert.ok(registryVersion > 3);
  assert.equal(
    look(makeState(), (db) => db.prepare("pragma user_version").get()?.["user_version"]),
    registryVersion,
  );
});

test("a step that fails ends the start with its name and the backup; what it began is not taken for a backup, and an older Ambit keeps off", async () => {
  const state = makeState();
  const bad: StateStep = {
    to: 3,
    what: "what cannot be",
    files: (folder) => writeFileSync(join(folder, "gates", "half"), "half"),
    registry: (db) => db.exec("insert into absent values (1)"),
  };
  const steps = [...testSteps.slice(0, 1), bad];
  for (const _ of [1, 2])
    await assert.rejects(
      upgrade(state, steps),
      /could not be upgraded to version 3 \(what cannot be\): no such table: absent\. As it was before it is in /,
    );
  assert.equal(listBackups(state).length, 1);
  assert.deepEqual([versionOf(state), texts(listBackups(state)[0]?.path ?? "")], [2, ["one\n"]]);
  await assert.rejects(upgrade(state, testSteps.slice(0, 1)), /has version 3, written by/);
});

test("without room for the copy nothing is upgraded; with just enough it is", () => {
  const state = makeState();
  const db = lockRegistry(join(state, "host.sqlite"), () => "");
  const order = { version: 1, ambit: null, at: "2026-01-02T03:04:05.678Z" };
  assert.throws(
    () => makeBackup(state, db, { ...order, freeBytes: 64 * 1024 * 1024 }),
    /must be copied before it is upgraded: that takes 65 MB and its disk has 64 MB free/,
  );
  assert.deepEqual(listBackups(state), []);
  assert.equal(makeBackup(state, db, { ...order, freeBytes: 66 * 1024 * 1024 }).name, "2026-01-02T03-04-05-678Z-v1");
  assert.throws(
    () => lockRegistry(join(state, "host.sqlite"), () => "another one runs"),
    /another one runs/,
    "the lock was kept",
  );
  db.close();
});

test("the last backups are kept, older ones go after an upgrade", async () => {
  const state = makeState();
  const db = lockRegistry(join(state, "host.sqlite"), () => "");
  for (let n = 1; n <= 4; n++) makeBackup(state, db, { version: 1, ambit: null, at: `2026-01-0${n}T00:00:00.000Z` });
  db.close();
  await upgrade(state, testSteps);
  const names = listBackups(state).map(({ name }) => name);
  assert.equal(names.length, keptBackups);
  assert.deepEqual(names.slice(0, 2), ["2026-01-03T00-00-00-000Z-v1", "2026-01-04T00-00-00-000Z-v1"]);
});

test("killed at any moment, the upgrade ends with every step once, one backup, and that from before", async () => {
  const program = join(import.meta.dirname, "fixtures", "upgrade.ts");
  let kills = 0;
  for (let round = 0; round < 4; round++) {
    const state = makeState();
    for (let tries = 0; versionOf(state) !== 4; tries++) {
      const child = spawn(process.execPath, [program, state], { stdio: ["ignore", "pipe", "inherit"] });
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      // From before its first line to after its last.
      if (tries < 2) void delay(80 + round * 25 + tries * 5).then(() => child.kill("SIGKILL"));
      if ((await ended) === null) kills++;
      assert.ok(tries < 5);
    }
    const backups = listBackups(state);
    assert.deepEqual([counted(state), texts(state)], [2, ["one\nthree\nfour\n"]], `round ${round}`);
    assert.deepEqual(
      backups.map(({ path, version }) => [version, texts(path)]),
      [[1, ["one\n"]]],
    );
    assert.deepEqual(readdirSync(join(state, "backups")), [backups[0]?.name], "nothing that was cut off is left");
  }
  assert.ok(kills > 0, "somebody was killed");
});
