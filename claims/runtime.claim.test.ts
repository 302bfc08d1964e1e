// Control `runtime`: each deployment has a process, a user id, a network and files of its own, and what happens to one
// leaves the others serving. Real processes, looked at from outside through /proc.
import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { HostStatus } from "../src/controls/wire/control.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { freshState } from "./fresh-state.ts";
import { readNotes, setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";
import { descendants } from "./process-tree.ts";

const state = freshState();
const isRoot = process.getuid?.() === 0;
let one: SmallStage;
let two: SmallStage;

before(async () => {
  one = await setNotesStage(state.folder, "one");
  two = await setNotesStage(state.folder, "two", one.stage.host);
});

after(async () => {
  await two?.stage.stop();
  await one?.stage.stop();
  state.remove();
});

test("works at all: two deployments on one host answer", async () => {
  for (const { stage } of [one, two]) {
    const answer = await stage.client.say(`call the tool note with {"text":"works"}`);
    assert.equal(answer.state, "done", answer.reply);
    assert.deepEqual(readNotes(stage), ["works"]);
  }
});

test("a gate has no network but loopback, which leads nowhere", async () => {
  const pid = await engineOf("one");
  const interfaces = readFileSync(`/proc/${pid}/net/dev`, "utf8").split("\n").slice(2);
  assert.deepEqual(interfaces.map((line) => line.split(":")[0]?.trim()).filter(Boolean), ["lo"]);
  assert.notEqual(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync("/proc/self/ns/net"));
});

test("a gate has no capability, cannot gain one, and has no environment", async () => {
  const pid = await engineOf("one");
  const privileges = readFileSync(`/proc/${pid}/status`, "utf8");
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    assert.match(privileges, new RegExp(`^${set}:\\s+0+$`, "m"));
  }
  assert.match(privileges, /^NoNewPrivs:\s+1$/m);
  const names = readFileSync(`/proc/${pid}/environ`, "utf8")
    .split("\0")
    .map((line) => line.split("=")[0])
    .filter(Boolean);
  assert.deepEqual(
    names.filter((name) => name !== "PWD"),
    [],
  );
});

test("a gate sees no file of the host but its own engine, release, data and door", async () => {
  const root = `/proc/${await engineOf("one")}/root`;
  assert.deepEqual(
    readdirSync(root)
      .sort()
      .filter((name) => ["home", "root", "var", "srv", "opt", "tmp"].includes(name)),
    [],
  );
  assert.deepEqual(readdirSync(join(root, "run")), ["door"]);
});

test(
  "a gate's user id is its own and cannot read its neighbour's data",
  { skip: !isRoot && "needs root" },
  async () => {
    const [first, second] = [uidOf(await engineOf("one")), uidOf(await engineOf("two"))];
    assert.notEqual(first, second);
    assert.notEqual(first, 0);
    const read = (uid: number) =>
      execFileSync(
        "setpriv",
        [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "ls", join(state.folder, "gates/two/data")],
        {
          stdio: ["ignore", "pipe", "ignore"],
        },
      );
    assert.ok(read(second).length > 0);
    assert.throws(() => read(first));
  },
);

test("a gate that was killed comes back, and its neighbour did not notice", async () => {
  const earlier = await engineOf("one");
  process.kill(earlier, "SIGKILL");
  const answer = await two.stage.client.say("hello");
  assert.equal(answer.state, "done");
  assert.equal((await one.stage.client.say("hello")).state, "done");
  assert.notEqual(await engineOf("one"), earlier);
});

test("a gate that spins for ever is ended and started again, while its neighbour serves", async () => {
  const earlier = await engineOf("one");
  // Stopped is what a spinning event loop looks like from outside: alive, and deaf.
  process.kill(earlier, "SIGSTOP");
  try {
    const limit = AbortSignal.timeout(20_000);
    while ((await engineOf("one").catch(() => earlier)) === earlier) {
      assert.equal((await two.stage.client.say("hello")).state, "done");
      assert.ok(!limit.aborted, "the deaf gate was not ended within 20 s");
      await pause(500);
    }
    assert.equal((await one.stage.client.say("hello")).state, "done");
  } finally {
    continueProcess(earlier);
  }
});

test("conversations that nobody goes on with leave the gate's memory", async () => {
  const open = async () => databasesOf(await engineOf("two"));
  for (let n = 0; n < 20; n++) await two.stage.client.say(`call the tool note with {"text":"idle ${n}"}`);
  assert.ok((await open()) >= 20, "each conversation has a database of its own");
  const limit = AbortSignal.timeout(30_000);
  while ((await open()) > 3) {
    assert.ok(!limit.aborted, `${await open()} databases are open after 30 s`);
    await pause(500);
  }
});

test("broker, front and admin restart alone", async () => {
  for (const part of ["broker", "front", "admin"]) {
    const earlier = await partPid(part);
    const gate = await engineOf("one");
    process.kill(earlier, "SIGKILL");
    assert.equal((await one.stage.client.say(`call the tool note with {"text":"${part}"}`)).state, "done");
    assert.notEqual(await partPid(part), earlier);
    assert.equal(await engineOf("one"), gate);
  }
});

async function status(): Promise<HostStatus> {
  return (await askControl(state.folder, "GET", "/v1/status")).body as HostStatus;
}

async function partPid(name: string): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const part = (await status()).processes.find((process) => process.name === name);
    if (part?.pid) return part.pid;
    await pause(50);
  }
  throw new Error(`${name} does not run`);
}

/** The workerd inside the sandbox of a deployment: the last of the chain of launchers. */
async function engineOf(name: string): Promise<number> {
  const pid = await partPid(`gate:${name}`);
  for (let tries = 0; tries < 100; tries++) {
    const engine = [pid, ...descendants(pid)].find((each) => commandOf(each).includes("workerd\0serve"));
    if (engine) return engine;
    await pause(20);
  }
  throw new Error(`the gate ${name} has no engine`);
}

/** For the run in which nobody ended it: what follows shall not wait for a deaf gate. */
function continueProcess(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It was ended, as it must be.
  }
}

function commandOf(pid: number): string {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return line.startsWith("/usr/bin/bwrap") ? "" : line;
  } catch {
    return "";
  }
}

/** How many databases of conversations and Ledger a gate has open. */
function databasesOf(pid: number): number {
  const files = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return new Set(files.filter((file) => /\/[0-9a-f]{64}\.sqlite$/.test(file))).size;
}

function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
