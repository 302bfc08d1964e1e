import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { findGroupParents, makeGroup, sweepGroups } from "./cgroups.ts";
import { buildLaunchArgv } from "./sandbox.ts";
import { isAlive, isRoot, until } from "./fixtures/stand.ts";

const scratch = mkdtempSync("/tmp/ambit-cgroups-");
after(() => rmSync(scratch, { recursive: true }));
const limits = { memory: 64 << 20, pids: 20 };
const id = process.pid.toString(16).padStart(10, "0");
const real = findGroupParents(id);
const canLimit = real.memory !== null && real.pids !== null && makesGroups();

function makesGroups(): boolean {
  const group = makeGroup(real, `ambit-${id}-try`, limits);
  void group.remove();
  return group.boundsMemory;
}
const skip = canLimit ? false : "no group can be made here (not root, or no writable cgroup)";

function startIn(procs: readonly string[], script: string): ReturnType<typeof spawn> {
  const caller = { callerUid: process.getuid?.() ?? -1, callerPid: process.pid, uid: isRoot ? 65_991 : null };
  const [command = "", ...args] = buildLaunchArgv({
    ...caller,
    cgroups: procs,
    openFiles: 64,
    processes: null,
    argv: ["/bin/sh", "-c", script],
  });
  return spawn(command, args, { stdio: "ignore" });
}

test("a process over the memory limit is killed, one under it lives", { skip }, async () => {
  const group = makeGroup(real, `ambit-${id}-memory`, limits);
  const grow = (megabytes: number): string =>
    `head -c ${megabytes << 20} /dev/zero | tail -c ${megabytes << 20} >/dev/null`;
  const codes = [];
  for (const megabytes of [16, 256]) {
    const child = startIn(group.procs, grow(megabytes));
    codes.push(await new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code))));
  }
  await group.remove();
  assert.equal(codes[0], 0);
  assert.notEqual(codes[1], 0);
});

test("a fork loop stops at the process limit", { skip }, async () => {
  const group = makeGroup(real, `ambit-${id}-pids`, limits);
  const child = startIn(group.procs, "for n in $(seq 40); do sleep 5 & done; wait");
  const counted = await until("the limit is reached", () => {
    const pids = group.procs.map((path) => readFileSync(path, "utf8").trim().split("\n").length);
    return Math.max(...pids) >= limits.pids - 1 ? Math.max(...pids) : undefined;
  });
  assert.ok(counted <= limits.pids, String(counted));
  await group.remove();
  await until("all are gone", () => !isAlive(child.pid ?? -1));
  assert.ok(group.procs.every((path) => !existsSync(dirname(path))));
});

test(
  "a group that a killed supervisor left is swept with what runs in it, another Ambit's is not",
  { skip },
  async () => {
    const group = makeGroup(real, `ambit-${id}-left`, limits);
    const other = makeGroup(real, `ambit-${id}x-left`, limits);
    const child = startIn(group.procs, "sleep 60");
    await until("it runs in the group", () => readFileSync(group.procs[0] ?? "", "utf8").includes(String(child.pid)));
    await sweepGroups(id, [real.memory ?? "", real.pids ?? "", "/nonexistent"]);
    await until("it is gone", () => !isAlive(child.pid ?? -1));
    assert.ok(group.procs.every((path) => !existsSync(path)));
    assert.ok(other.procs.every((path) => existsSync(path)));
    await other.remove();
  },
);

test("where no group can be made it is said, and nothing is joined", () => {
  const group = makeGroup({ version: 1, memory: null, pids: join(scratch, "none", "\0") }, `ambit-${id}-none`, limits);
  assert.deepEqual(group.procs, []);
  assert.equal(group.boundsMemory, false);
  assert.match(group.weaker.join(" "), /memory of gates is polled.*only a limit per user id/s);
});

/** A tree that looks like a v2 mount; the kernel's own rules are not in it. */
function fakeV2(files: Record<string, string>): string {
  const root = mkdtempSync(join(scratch, "v2-"));
  for (const [path, text] of Object.entries({ "cgroup.controllers": "cpu memory pids", ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("in the one tree of v2 a group that hands out controllers is used as it is", () => {
  const root = fakeV2({ "a/b/cgroup.subtree_control": "memory pids" });
  const own = join(root, "a/b");
  assert.deepEqual(findGroupParents(id, "0::/a/b", root), { version: 2, memory: own, pids: own });
});

test("a session that cannot hand out is passed over for its slice, unless it has a limit of its own", () => {
  // No cgroup.procs can be written where a folder stands in its way: the session refuses.
  const session = { "slice/cgroup.subtree_control": "memory pids", [`slice/s/ambit-${id}.self/cgroup.procs/x`]: "" };
  const open = fakeV2({ ...session, "slice/s/memory.max": "max", "slice/s/pids.max": "max" });
  rmSync(join(open, `slice/s/ambit-${id}.self`), { recursive: true });
  writeFileSync(join(open, `slice/s/ambit-${id}.self`), "");
  const slice = join(open, "slice");
  assert.deepEqual(findGroupParents(id, "0::/slice/s", open), { version: 2, memory: slice, pids: slice });
  writeFileSync(join(open, "slice/s/memory.max"), "1073741824");
  assert.deepEqual(findGroupParents(id, "0::/slice/s", open), { version: 1, memory: null, pids: null });
});
