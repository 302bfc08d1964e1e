// Control `runtime`, `data`: what a start refuses and what it leaves when it fails: one Ambit on a state folder, one line that
// names the cause, nothing left running.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { controlRequest } from "../control-client.ts";
import { endAll, findFreePort, isRoot, makeState, Stand, until } from "./fixtures/stand.ts";
import { parseListen } from "./listen.ts";
import { findPlaces } from "./places.ts";

after(endAll);

/** A start that must not succeed: its one line and its exit code. */
async function refused(state: string, port: number): Promise<{ code: number | null; line: string }> {
  const stand = new Stand(state, port);
  const code = await stand.ended;
  return { code, line: stand.errors };
}

test("a second start on one state folder is refused with the first one's pid, and the first goes on", async () => {
  const state = makeState();
  const first = await Stand.start(state);
  const { code, line } = await refused(state, await findFreePort());
  assert.equal(code, 1);
  assert.equal(
    line,
    `another Ambit (pid ${first.child.pid}) runs on ${state}: stop it, or choose another folder with --state\n`,
  );
  assert.equal((await first.status()).state, state);
  await first.stop();
});

test("two starts at the same moment: exactly one runs", async () => {
  const state = makeState();
  const both = [new Stand(state, await findFreePort()), new Stand(state, await findFreePort())] as const;
  const loser = await Promise.race(both.map(async (stand) => (await stand.ended, stand)));
  const winner = both.find((stand) => stand !== loser);
  assert.match(loser.errors, /another Ambit/);
  await until("the other one is ready", () => winner?.find("ready") !== undefined);
  await winner?.stop();
});

test("a port in use ends the start with front's words, and nothing is left running", async () => {
  const port = await findFreePort();
  // The worst kind of holder: one that says it is well.
  const holder = createServer((_, response) => void response.end("ok")).listen(port, "127.0.0.1");
  const stand = new Stand(makeState(), port);
  assert.equal(await stand.ended, 1);
  assert.equal(stand.find("ready"), undefined);
  assert.match(stand.errors, /front ended before it was ready: front: listen EADDRINUSE/);
  assert.ok(stand.find("stopped"));
  assert.deepEqual(stand.commands(), []);
  assert.equal(existsSync(stand.places.run), false);
  holder.close();
});

test(
  "a state folder behind a closed one is refused when parts have ids of their own",
  { skip: isRoot ? false : "needs root" },
  async () => {
    const closed = makeState();
    chmodSync(closed, 0o700);
    const state = join(closed, "state");
    mkdirSync(state);
    const { code, line } = await refused(state, await findFreePort());
    assert.equal(code, 1);
    assert.match(
      line,
      new RegExp(`cannot enter ${closed}, which is on the way to ${state}: choose a --state outside it`),
    );
  },
);

test(
  "only root writes in the state folder, and only it may look at what is in there",
  { skip: isRoot ? false : "needs root" },
  async () => {
    const stand = await Stand.start(makeState());
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    const { state, registry, run, control } = stand.places;
    assert.deepEqual([state, registry, run, control].map(mode), ["711", "600", "711", "600"]);
    await stand.stop();
  },
);

test("a start says what is weaker here, and nothing when nothing is", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("alpha");
  const { weaker } = await stand.status();
  assert.equal(
    weaker.some((sentence) => sentence.startsWith("not started as root")),
    !isRoot,
  );
  await stand.stop();
});

test("a supervisor whose lines nobody reads ends all the same when it is told to", async () => {
  const state = makeState();
  const fifo = `${state}/lines`;
  const [port, admin] = [await findFreePort(), await findFreePort()];
  // The pipe is full before the first line, however much it holds, and its reader never reads.
  const script = 'mkfifo "$1"; exec 9<>"$1"; timeout 1 cat /dev/zero >&9; shift; exec "$@" >&9';
  const main = join(import.meta.dirname, "main.ts");
  const argv = [
    process.execPath,
    main,
    "--listen",
    `127.0.0.1:${port}`,
    "--admin",
    `127.0.0.1:${admin}`,
    "--state",
    state,
  ];
  const child = spawn("/bin/bash", ["-c", script, "bash", fifo, ...argv], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const { control, run } = findPlaces(state, process.getuid?.() ?? -1, process.env);
  const ask = () => controlRequest({ socket: control, state, method: "GET", path: "/v1/status" });
  const serves = () =>
    ask().then(
      ({ status }) => status === 200,
      () => false,
    );
  try {
    await until("it serves", serves, 30_000);
    child.kill("SIGTERM");
    const left = await Promise.race([ended.then(() => false), delay(15_000, true, { ref: false })]);
    assert.equal(left, false, "it is still there after 15 s");
    assert.equal(existsSync(run), false);
  } finally {
    child.kill("SIGKILL");
  }
});

test("an address to listen on is HOST:PORT and nothing else", () => {
  assert.equal(parseListen("127.0.0.1:7400").url, "http://127.0.0.1:7400");
  assert.deepEqual(parseListen("[::1]:7400"), {
    text: "[::1]:7400",
    url: "http://[::1]:7400",
  });
  for (const text of [
    "7400",
    "127.0.0.1",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "::1:7400",
    "[zz]:1",
    "a b:1",
    "127.0.0.1:7400/x",
    "",
  ]) {
    assert.throws(() => parseListen(text), /is not HOST:PORT/, text);
  }
});
