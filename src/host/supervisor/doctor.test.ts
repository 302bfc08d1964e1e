import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { projectRoot } from "./bundle.ts";
import { examine } from "./doctor.ts";
import { weak, type Finding } from "./doctor/finding.ts";
import { lookAtHost } from "./doctor/host.ts";
import { lookAtClock } from "./doctor/machine.ts";
import { lookAtBundles, lookAtPackages } from "./doctor/programs.ts";
import { endAll, isRoot, makeState, Stand, until } from "./fixtures/stand.ts";
import { findPlaces } from "./places.ts";
import { openRegistry } from "./registry.ts";

const scratch = mkdtempSync("/tmp/ambit-doctor-");
chmodSync(scratch, 0o755);
after(() => rmSync(scratch, { recursive: true }));
after(endAll);
const uid = process.getuid?.() ?? -1;
let number = 0;
const fresh = (): string => {
  const folder = join(scratch, String(number++));
  mkdirSync(folder);
  return folder;
};
const places = (state: string) => findPlaces(state, uid, process.env);
const level = (findings: readonly Finding[], check: string) => findings.find((one) => one.check === check)?.level;
const found = (findings: readonly Finding[], check: string) => findings.find((one) => one.check === check)?.found ?? "";

/** The command as a person types it; as another user where `as` says so. */
function doctor(state: string, as?: number) {
  const main = join(projectRoot, "src/cli/main.ts");
  const drop = as === undefined ? [] : [`--reuid=${as}`, `--regid=${as}`, "--clear-groups"];
  const argv = [...drop, "--", process.execPath, main, "doctor", "--json", "--state", state];
  const { status, stdout, stderr } = spawnSync("setpriv", argv, { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } });
  assert.equal(stderr, "");
  return { status, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings };
}

/** Somebody else may start the sources only where they may enter them. */
function isOpen(path: string): boolean {
  return (statSync(path).mode & 0o005) === 0o005 && (path === "/" || isOpen(dirname(path)));
}

test("with nothing there yet nothing fails, nothing is made, and each thing that is not well says how to mend it", () => {
  const state = join(fresh(), "state");
  const { status, findings } = doctor(state);
  assert.deepEqual(
    findings.filter((one) => one.level === "fail"),
    [],
  );
  assert.equal(status, 0);
  for (const check of ["node", "sandbox", "workerd", "dependencies", "clock", "sockets"])
    assert.equal(level(findings, check), "ok", check);
  assert.equal(level(findings, "user"), uid === 0 ? "ok" : "weak");
  assert.match(found(findings, "host"), /no Ambit runs on/);
  for (const one of findings) assert.equal(one.level === "ok", one.fix === null, one.check);
  assert.deepEqual(readdirSync(dirname(state)), []);
});

test(
  "as an ordinary user it works too, on a state folder of that user; that of somebody else fails with whose it is",
  { skip: !isRoot ? "all tests run like this" : isOpen(projectRoot) ? false : "the sources are closed to other users" },
  () => {
    const [own, theirs] = [fresh(), fresh()];
    chownSync(own, 65_534, 65_534);
    const mine = doctor(own, 65_534);
    assert.deepEqual(
      mine.findings.filter((one) => one.level === "fail"),
      [],
    );
    assert.deepEqual(
      [mine.status, level(mine.findings, "user"), level(mine.findings, "sandbox"), level(mine.findings, "fsync")],
      [0, "weak", "ok", "ok"],
    );
    const other = doctor(theirs, 65_534);
    assert.deepEqual([other.status, level(other.findings, "state folder")], [1, "fail"]);
    assert.match(found(other.findings, "state folder"), /belongs to user 0, you are 65534/);
  },
);

test("state of a newer Ambit fails with both versions, that of this one is well, and nothing is locked or left", async () => {
  const state = fresh();
  chmodSync(state, isRoot ? 0o711 : 0o700);
  const file = join(state, "host.sqlite");
  const registry = openRegistry(file, () => "");
  const well = await examine(places(state));
  assert.deepEqual(
    [level(well, "state version"), found(well, "state version")],
    ["ok", "version 1"],
    "while it is locked",
  );
  registry.close();
  const db = new DatabaseSync(file);
  db.exec(
    "update meta set value = '7' where key = 'state_version'; insert into meta values ('state_written_by', '3.0.0')",
  );
  db.close();
  const newer = await examine(places(state));
  assert.equal(level(newer, "state version"), "fail");
  assert.match(found(newer, "state version"), /version 7, written by Ambit 3\.0\.0; this one knows 1/);
  writeFileSync(file, "no database at all, of some length".repeat(100));
  assert.equal(level(await examine(places(state)), "state version"), "fail");
  assert.deepEqual(readdirSync(state), ["host.sqlite"]);
});

test("a state folder that others may write to, or one on whose way they may, is not well", async () => {
  const state = fresh();
  chmodSync(state, 0o777);
  assert.equal(level(await examine(places(state)), "state folder"), "weak");
  const inner = join(state, "inner");
  mkdirSync(inner);
  const findings = await examine(places(inner));
  assert.equal(level(findings, "state folder"), "fail");
  assert.match(found(findings, "state folder"), /can be written by everybody/);
});

test("socket paths that are too long fail", async () => {
  const deep = findPlaces(fresh(), 1000, { XDG_RUNTIME_DIR: `/${"r".repeat(90)}` });
  const findings = await examine(deep);
  assert.deepEqual(
    [level(findings, "sockets"), /this system allows 107/.test(found(findings, "sockets"))],
    ["fail", true],
  );
});

test("a program of one byte more than its hash fails, one that others may write is weak, a whole one is well", () => {
  const programs = fresh();
  const text = "export {};";
  const name = createHash("sha256").update(text).digest("hex").slice(0, 16);
  mkdirSync(join(programs, name));
  writeFileSync(join(programs, name, "gate.js"), text);
  assert.equal(lookAtBundles(programs).level, "ok");
  chmodSync(join(programs, name), 0o777);
  assert.equal(lookAtBundles(programs).level, "weak");
  chmodSync(join(programs, name), 0o755);
  writeFileSync(join(programs, name, "gate.js"), `${text} `);
  assert.deepEqual([lookAtBundles(programs).level, lookAtBundles(programs).found.includes(name)], ["fail", true]);
});

test("a package of another version, or one that is missing, fails; an optional one may be missing", () => {
  const root = fresh();
  const lock = (packages: object) =>
    writeFileSync(
      join(root, "package-lock.json"),
      JSON.stringify({ packages: { "": { version: "1.0.0" }, ...packages } }),
    );
  mkdirSync(join(root, "node_modules/a"), { recursive: true });
  writeFileSync(join(root, "node_modules/a/package.json"), JSON.stringify({ version: "1.0.0" }));
  const rows = [
    [{ "node_modules/a": { version: "1.0.0" } }, "ok"],
    [{ "node_modules/a": { version: "1.0.1" } }, "fail"],
    [{ "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "1.0.0" } }, "fail"],
    [{ "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "1.0.0", optional: true } }, "ok"],
  ] as const;
  for (const [packages, wanted] of rows) {
    lock(packages);
    assert.equal(lookAtPackages(root).level, wanted, JSON.stringify(packages));
  }
});

test("a clock from before these files were written fails, that of now is well", () => {
  assert.equal(lookAtClock(Date.now()).level, "ok");
  assert.equal(lookAtClock(Date.UTC(2001, 0, 1)).level, "fail");
});

test("a usual port that is taken is weak and says which flag to use", async () => {
  const state = fresh();
  const holder = createServer();
  await new Promise<void>((resolve) =>
    holder.once("error", () => resolve()).listen(7400, "127.0.0.1", () => resolve()),
  );
  const findings = await lookAtHost({ places: places(state), uid, running: `no Ambit runs on ${state}` });
  const port = findings.find(({ check }) => check === "port 7400");
  assert.deepEqual([port?.level, port?.fix], ["weak", "./ambit up --listen 127.0.0.1:PORT"]);
  holder.close();
});

test("a running host is told of part by part and is not disturbed; a frozen deployment is weak, a part that is not well fails", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("alpha");
  const before = (await stand.status()).processes.map(({ pid }) => pid);
  const findings = await examine(stand.places);
  for (const part of ["host", "broker", "front", "admin", "gate:alpha"])
    assert.equal(level(findings, part), "ok", part);
  assert.equal(level(findings, "port 7400"), undefined, "its own port is not looked for");
  const status = await stand.status();
  assert.deepEqual(
    status.processes.map(({ pid, restarts }) => [pid, restarts]),
    before.map((pid) => [pid, 0]),
  );
  assert.equal((await stand.ask("alpha", "/v1/count")).status, 200);
  await stand.control("POST", "/v1/deployments/alpha/freeze", { by: "eve" });
  assert.equal(level(await examine(stand.places), "alpha"), "weak");
  process.kill((await stand.part("front")).pid ?? -1, "SIGKILL");
  const ill = await until("the front is away", async () => {
    const now = await examine(stand.places);
    return level(now, "front") === "ok" ? undefined : now;
  });
  assert.ok(["fail", "weak"].includes(level(ill, "front") ?? ""));
  const { places: where } = stand;
  const gone = {
    ...status,
    weaker: ["what it says itself"],
    processes: status.processes.map((one) => ({ ...one, state: "backing_off" as const })),
  };
  const told = await lookAtHost({ places: where, uid, running: { status: gone, deployments: [] } });
  assert.deepEqual(
    told.slice(1).map((one) => one.level),
    ["fail", "fail", "fail", "fail", "weak"],
  );
  assert.deepEqual(told.at(-1)?.found, weak("host", "what it says itself", "", "").found);
  await stand.stop();
});
