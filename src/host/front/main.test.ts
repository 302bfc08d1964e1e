// Control `runtime`: the front as its supervisor sees it: one line when it listens, one line when it cannot, and a clean
// end that loses no request under way.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, request, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, makeGateFolder, openWire } from "./fixtures/stand.ts";

const program = fileURLToPath(new URL("./main.ts", import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  /** Exit code; rejects when the process outlives the test's patience. */
  readonly ended: Promise<number | null>;
}

function startFront(t: TestContext, ...args: string[]): Started {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk) => (out += String(chunk)));
  child.stderr?.on("data", (chunk) => (err += String(chunk)));
  t.after(() => child.kill("SIGKILL"));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, out: () => out, err: () => err, ended };
}

function openRun(t: TestContext): string {
  const run = mkdtempSync(join(tmpdir(), "ambit-front-"));
  mkdirSync(join(run, "front"));
  mkdirSync(join(run, "state"));
  t.after(() => rmSync(run, { recursive: true }));
  return run;
}

function foldersOf(run: string): string[] {
  return ["--run", run, "--state", join(run, "state")];
}

async function openGate(t: TestContext, run: string, listener: RequestListener): Promise<void> {
  makeGateFolder(run, "clerk");
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(join(run, "gates", "clerk", "in.sock"), resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
}

/** The URL of the first line it printed. */
async function urlOf(front: Started): Promise<string> {
  await eventually("a first line", () => front.out().includes("\n") || front.err() !== "");
  const line = JSON.parse(front.out().split("\n", 1)[0] ?? "") as { event: string; url: string };
  assert.equal(line.event, "listening");
  return line.url;
}

test("it says where it listens, serves, and writes one JSON line a request", async (t) => {
  const run = openRun(t);
  await openGate(t, run, (_request, response) => response.end("x"));
  for (const listen of ["127.0.0.1:0", "[::1]:0"]) {
    const front = startFront(t, "--run", run, "--state", join(run, "state"), "--listen", listen);
    const url = await urlOf(front);
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    assert.equal(await (await fetch(`${url}/d/clerk/v1/x`)).text(), "x");
    await eventually("a record", () => front.out().split("\n").length === 3);
    const record = JSON.parse(front.out().split("\n")[1] ?? "") as { event: string; status: number };
    assert.deepEqual([record.event, record.status], ["request", 200]);
    front.child.kill("SIGTERM");
    assert.equal(await front.ended, 0);
  }
});

test("SIGTERM: what is under way is finished, new connections are refused, and it exits 0", async (t) => {
  const run = openRun(t);
  let finish: (() => void) | undefined;
  await openGate(t, run, (_request, response) => {
    response.write("first ");
    finish = () => response.end("last");
  });
  const front = startFront(t, "--run", run, "--state", join(run, "state"), "--listen", "127.0.0.1:0");
  const url = await urlOf(front);
  const answer = await fetch(`${url}/d/clerk/v1/x`);
  const idle = openWire(Number(new URL(url).port), "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually("an idle connection", () => idle.text().includes("ok"));
  front.child.kill("SIGTERM");
  await idle.closed();
  await assert.rejects(fetch(`${url}/healthz`));
  const finished = performance.now();
  finish?.();
  assert.equal(await answer.text(), "first last");
  assert.equal(await front.ended, 0);
  assert.ok(performance.now() - finished < 3_000, "it waited for a connection that nobody used any more");
});

test("a port in use: one line that names the port and the flag, and exit code 1", async (t) => {
  const taken = createTcpServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const front = startFront(t, ...foldersOf(openRun(t)), "--listen", `127.0.0.1:${port}`);
  assert.equal(await front.ended, 1);
  assert.equal(
    front.err(),
    `front: port ${port} on 127.0.0.1 is in use by another program: choose another port with --listen 127.0.0.1:PORT\n`,
  );
  assert.equal(front.out(), "");
});

test("beyond loopback, without a folder, or with an unknown flag it does not start and says why in one line", async (t) => {
  const run = openRun(t);
  const cases: readonly [string[], number, RegExp][] = [
    [
      [...foldersOf(run), "--listen", "0.0.0.0:0"],
      2,
      /^front: --listen 0\.0\.0\.0:0: the front listens on loopback only .*\n$/,
    ],
    [["--run", join(run, "missing"), "--state", run], 1, /^front: the folder .*missing does not exist: .*--run DIR\n$/],
    [["--listen", "127.0.0.1:0"], 2, /^front: --run is missing; usage: .*\n$/],
    [[...foldersOf(run), "--open"], 2, /^front: .*--open.*\n$/],
  ];
  for (const [args, code, line] of cases) {
    const front = startFront(t, ...args);
    assert.equal(await front.ended, code);
    assert.match(front.err(), line);
  }
});

test("with every connection of the port taken the supervisor is still answered, on a socket of its own", async (t) => {
  const run = openRun(t);
  const front = startFront(t, "--run", run, "--state", join(run, "state"), "--listen", "127.0.0.1:0");
  const { port } = new URL(await urlOf(front));
  const many = Array.from({ length: 1000 }, () => openWire(Number(port)));
  t.after(() => many.forEach(({ socket }) => socket.destroy()));
  await eventually("the next one is refused", () => {
    many.push(openWire(Number(port), "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
    return many.some((wire) => wire.text().includes("too_many_connections"));
  });
  const answer = await new Promise<number | undefined>((resolve, reject) =>
    request({ socketPath: join(run, "front", "health.sock"), path: "/healthz" }, (message) => {
      message.resume();
      resolve(message.statusCode);
    })
      .on("error", reject)
      .end(),
  );
  assert.equal(answer, 200);
});

test("without the supervisor's folder for it the front does not start, and says which", async (t) => {
  const run = openRun(t);
  rmSync(join(run, "front"), { recursive: true });
  const front = startFront(t, "--run", run, "--state", join(run, "state"), "--listen", "127.0.0.1:0");
  assert.equal(await front.ended, 1);
  assert.equal(front.err(), `front: ${join(run, "front")} is missing: the supervisor makes it for the front's user\n`);
});

test("when the reader of its log goes away it goes on serving", async (t) => {
  const front = startFront(t, ...foldersOf(openRun(t)), "--listen", "127.0.0.1:0");
  const url = await urlOf(front);
  front.child.stdout?.destroy();
  for (let turn = 0; turn < 3; turn++) assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal(front.child.exitCode, null);
});
