import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  decideSocketPath,
  findGatePlaces,
  findPlaces,
  requireOwnFolder,
  requireSafeWay,
  requireSocketPaths,
  requireTraversable,
} from "./places.ts";
import { StartRefused } from "./start-refused.ts";

const scratch = mkdtempSync("/tmp/ambit-places-");
after(() => rmSync(scratch, { recursive: true }));
const uid = process.getuid?.() ?? -1;

test("root and others have the usual folders, and --state wins", () => {
  const rows = [
    [undefined, 0, {}, "/var/lib/ambit", "/run/ambit/"],
    [undefined, 1000, { HOME: "/home/u" }, "/home/u/.local/state/ambit", "/tmp/ambit-1000/"],
    [undefined, 1000, { HOME: "/home/u", XDG_STATE_HOME: "/s", XDG_RUNTIME_DIR: "/r" }, "/s/ambit", "/r/ambit/"],
    ["/srv/x", 1000, { HOME: "/home/u", XDG_RUNTIME_DIR: "/r" }, "/srv/x", "/r/ambit/"],
  ] as const;
  for (const [state, user, env, wantedState, wantedRun] of rows) {
    const places = findPlaces(state, user, env);
    assert.equal(places.state, wantedState);
    assert.equal(places.run, wantedRun + places.id);
    assert.match(places.id, /^[0-9a-f]{10}$/);
  }
});

test("two names of one folder are one Ambit, two folders are two", () => {
  mkdirSync(join(scratch, "a"));
  mkdirSync(join(scratch, "b"));
  symlinkSync(join(scratch, "a"), join(scratch, "also-a"));
  const id = (name: string): string => findPlaces(join(scratch, name), uid, {}).id;
  assert.equal(id("also-a"), id("a"));
  assert.notEqual(id("b"), id("a"));
});

test("a socket path of 107 bytes passes and one of 108 is refused", () => {
  assert.equal(decideSocketPath("/".padEnd(107, "x")), undefined);
  assert.match(decideSocketPath("/".padEnd(108, "x")) ?? "", /has 108 bytes, this system allows 107/);
  assert.match(decideSocketPath(`/${"ü".repeat(54)}`) ?? "", /has 109 bytes/, "bytes count, not characters");
});

test("a run folder too deep for its own sockets is refused, a shorter one passes", () => {
  const deep = (length: number) => findPlaces("/srv/x", 1000, { XDG_RUNTIME_DIR: "/".padEnd(length, "r") });
  const sockets = Buffer.byteLength(deep(20).admin.health) - 20;
  requireSocketPaths(deep(107 - sockets));
  assert.throws(() => requireSocketPaths(deep(108 - sockets)), StartRefused);
});

test("the longest deployment name fits under the run folder of root", () => {
  const gate = findGatePlaces(findPlaces(undefined, 0, {}), "n".repeat(40));
  for (const path of [gate.socket, gate.staged, gate.unnamed, gate.door])
    assert.equal(decideSocketPath(path), undefined);
});

test("a folder that is a link or somebody else's is refused, our own passes", () => {
  const own = join(scratch, "own");
  requireOwnFolder(own, 0o700, uid);
  symlinkSync(own, join(scratch, "link"));
  assert.throws(() => requireOwnFolder(join(scratch, "link"), 0o700, uid), /is not a folder/);
  assert.throws(() => requireOwnFolder(own, 0o700, uid + 1), /belongs to user/);
});

test("a folder on whose way somebody else may write is refused with that folder's name, a sticky one passes", () => {
  const way = join(scratch, "way");
  const state = join(way, "deep", "state");
  mkdirSync(way);
  requireSafeWay(state, uid);
  chmodSync(way, 0o777);
  assert.throws(
    () => requireSafeWay(state, uid),
    (error: Error) => error.message.includes(`${way}, which is on the way to ${state}, can be written by everybody`),
  );
  chmodSync(way, 0o1777);
  requireSafeWay(state, uid);
  // Neither a link nor a folder that is there already hides it.
  chmodSync(way, 0o777);
  mkdirSync(state, { recursive: true });
  symlinkSync(join(way, "deep"), join(scratch, "hidden"));
  for (const path of [state, join(scratch, "hidden", "state")])
    assert.throws(() => requireSafeWay(path, uid), /can be written by everybody/, path);
  chmodSync(way, 0o755);
});

test(
  "a folder of another user, or of a group of others, on the way is refused",
  { skip: uid === 0 ? false : "needs root" },
  () => {
    const way = join(scratch, "theirs");
    mkdirSync(way);
    chownSync(way, 65_991, 0);
    assert.throws(() => requireSafeWay(join(way, "state"), 0), /belongs to user 65991/);
    chownSync(way, 0, 65_991);
    chmodSync(way, 0o775);
    assert.throws(() => requireSafeWay(join(way, "state"), 0), /can be written by group 65991/);
    chmodSync(way, 0o755);
    requireSafeWay(join(way, "state"), 0);
  },
);

test("a folder that cannot be made is refused in words", () => {
  writeFileSync(join(scratch, "file"), "");
  assert.throws(
    () => requireOwnFolder(join(scratch, "file", "state"), 0o700, uid),
    /cannot be made \(ENOTDIR\): make it/,
  );
});

test("a state folder below a closed one is refused with the folder's name, below an open one it passes", () => {
  const closed = join(scratch, "closed");
  mkdirSync(join(closed, "state"), { recursive: true });
  chmodSync(scratch, 0o755);
  chmodSync(closed, 0o700);
  assert.throws(
    () => requireTraversable(join(closed, "state")),
    (error: Error) => error.message.includes(`cannot enter ${closed},`),
  );
  chmodSync(closed, 0o711);
  requireTraversable(join(closed, "state"));
});
