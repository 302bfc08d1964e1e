// What a kill may cost, in small: the same runs as `kill-payments.ts` and `kill-turns.ts`, a few kills each, and the ends of
// supervisor and command line. The long runs are started by hand; their figures stand in the README.
import { strict as assert } from "node:assert";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { HostStatus } from "../src/controls/wire/control.ts";
import { endChild, node, root, waitReady } from "../src/cli/child.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { findPlaces } from "../src/host/supervisor/places.ts";
import { freshState } from "./fresh-state.ts";
import { findFaults, killPayments } from "./kill-payments.ts";
import { killTurns } from "./kill-turns.ts";

test("works at all, and an approved payment that is killed half way is made once", async () => {
  const results = await killPayments(6, 3, () => undefined);
  assert.deepEqual(findFaults(results), []);
});

test("no acknowledged message is lost and no call is made twice", async () => {
  const result = await killTurns(8, 3, () => undefined);
  assert.deepEqual(result.faults, []);
  assert.equal(result.answered, result.messages);
});

test("a supervisor that is killed takes its parts with it and is started again by the command line", async (context) => {
  const state = freshState();
  const up = await startUp(state.folder);
  context.after(async () => {
    await endChild(up, 10_000);
    state.remove();
  });
  const first = await status(state.folder);
  const parts = first.processes.map(({ pid }) => pid ?? 0);
  process.kill(first.pid, "SIGKILL");
  await until("the parts are gone", () => parts.every((pid) => !runs(pid)));
  await until("another supervisor serves", async () => {
    const now = await status(state.folder).catch(() => undefined);
    return now !== undefined && now.pid !== first.pid && now.processes.every((part) => part.state === "ready");
  });
});

test("a command line that is killed leaves no process, socket or mount, and the next one starts", async (context) => {
  const state = freshState();
  context.after(() => state.remove());
  const mounts = readFileSync("/proc/self/mounts", "utf8");
  const killed = await startUp(state.folder);
  const before = await status(state.folder);
  killed.kill("SIGKILL");
  await until("everything is gone", () =>
    [before.pid, ...before.processes.map(({ pid }) => pid ?? 0)].every((pid) => !runs(pid)),
  );
  assert.equal(readFileSync("/proc/self/mounts", "utf8"), mounts);
  const next = await startUp(state.folder);
  assert.equal((await status(state.folder)).processes.length, before.processes.length);
  await endChild(next, 10_000);
  const { run } = findPlaces(state.folder, process.getuid?.() ?? 0, process.env);
  assert.deepEqual(existsSync(run) ? readdirSync(run) : [], []);
});

async function startUp(state: string): Promise<ChildProcess> {
  const addresses = ["--listen", await findFreeAddress(), "--admin", await findFreeAddress()];
  const args = [`${root}src/cli/main.ts`, "up", "--json", "--state", state, ...addresses];
  const child = spawn(node, args, { stdio: ["ignore", "pipe", "ignore"] });
  await waitReady(child, "ambit up", 30_000);
  return child;
}

async function status(state: string): Promise<HostStatus> {
  return (await askControl(state, "GET", "/v1/status")).body as HostStatus;
}

/** Whether a process is there and not merely waiting to be reaped. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 20_000;
  while (!(await holds())) {
    assert.ok(Date.now() < limit, `not within 20 s: ${what}`);
    await pause(50);
  }
}
