import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, makeFolders, makeRelease, putRelease, startUpstream } from "./fixtures/harness.ts";
import { bundleBroker, spawnBroker } from "./fixtures/process.ts";

test("the bundled file alone is the broker, its record thread included, and SIGTERM ends it with 0", async (t) => {
  const folders = makeFolders(t, ["clerk"]);
  const { child, lines, ended } = await spawnBroker(bundleBroker(folders.root), folders);
  t.after(() => child.kill("SIGKILL"));
  const file = join(folders.root, "erp.sqlite");
  const database = new DatabaseSync(file);
  database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  database.close();
  await putRelease(
    folders.control,
    makeRelease("clerk", 1, { records: { all: { file: "./x", sql: "select a from t" } } }, { all: file }),
  );
  const reply = await ask(folders.door("clerk"), "http://records.internal/all", {
    method: "POST",
    body: '{"params":{}}',
  });
  assert.deepEqual(reply.json, { rows: [{ a: 1 }], truncated: false });
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(
    lines.map((line) => line["event"]),
    ["ready", "deployment_put", "stopping", "stopped"],
  );
  assert.deepEqual([readdirSync(join(folders.run, "broker")), readdirSync(join(folders.run, "doors/clerk"))], [[], []]);
});

test("SIGTERM lets a call under way end and be recorded, even when its gate has gone", async (t) => {
  let answer = (): void => undefined;
  const up = await startUpstream(t, (_request, response) => (answer = () => response.end("done")));
  const folders = makeFolders(t, ["clerk"]);
  const file = bundleBroker(folders.root);
  const first = await spawnBroker(file, folders);
  t.after(() => first.child.kill("SIGKILL"));
  await putRelease(folders.control, makeRelease("clerk", up.port));
  const gate = new AbortController();
  void fetchGone(folders.door("clerk"), `${up.url}/x`, gate.signal);
  while (up.seen.length === 0) await sleep(5);
  gate.abort();
  first.child.kill("SIGTERM");
  await sleep(100);
  answer();
  assert.deepEqual(await first.ended, [0, null]);
  const second = await spawnBroker(file, folders);
  t.after(() => second.child.kill("SIGKILL"));
  assert.equal((await ask(folders.door("clerk"), "http://outcome.internal/call-0001.1")).json?.["state"], "answered");
});

test(
  "a query has 2 s where nothing else is said, and SIGTERM ends a broker whose record thread spins on",
  { timeout: 30_000 },
  async (t) => {
    const folders = makeFolders(t, ["clerk"]);
    const { child, ended } = await spawnBroker(bundleBroker(folders.root), folders);
    t.after(() => child.kill("SIGKILL"));
    const file = join(folders.root, "erp.sqlite");
    const database = new DatabaseSync(file);
    database.exec(
      "CREATE TABLE t (a); WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000) INSERT INTO t SELECT x FROM c",
    );
    database.close();
    const sql = "select count(*) as n from t a, t b, t c, t d where a.a + b.a > c.a + d.a";
    await putRelease(
      folders.control,
      makeRelease("clerk", 1, { records: { slow: { file: "./x", sql } } }, { slow: file }),
    );
    const askedAt = Date.now();
    const reply = await ask(folders.door("clerk"), "http://records.internal/slow", {
      method: "POST",
      body: '{"params":{}}',
    });
    const waited = Date.now() - askedAt;
    assert.equal(reply.json?.["reason"], "view_too_slow");
    assert.match(String(reply.json?.["message"]), /no answer within 2000 ms/);
    assert.ok(waited > 1900 && waited < 3500, `${waited} ms`);
    child.kill("SIGTERM");
    const startedAt = Date.now();
    await ended;
    assert.ok(Date.now() - startedAt < 2000);
  },
);

test("a start that cannot be safe is one line that says why, and exit 1", async (t) => {
  const folders = makeFolders(t, []);
  const file = bundleBroker(folders.root);
  const why = async (): Promise<string> => {
    const { child, lines, ended } = await spawnBroker(file, folders);
    child.kill("SIGKILL");
    assert.equal((await ended)[0], 1);
    assert.equal(lines.length, 1);
    return String(lines[0]?.["error"]);
  };
  chmodSync(folders.state, 0o750);
  assert.match(await why(), /mode 0700/);
  chmodSync(folders.state, 0o700);
  writeFileSync(join(folders.state, "secrets.json"), '{"v":1,"deployments":{}}', { mode: 0o644 });
  assert.match(await why(), /secrets\.json: others may read it .*chmod 600/);
  rmSync(join(folders.state, "secrets.json"));
  writeFileSync(join(folders.state, "sign.key"), "not a key", { mode: 0o600 });
  assert.match(await why(), /sign\.key: not an Ed25519 private key/);
  rmSync(join(folders.state, "sign.key"));
  rmSync(join(folders.run, "broker"), { recursive: true });
  assert.match(await why(), /control\.sock: cannot listen .*folder is missing/);
  mkdirSync(join(folders.run, "broker"));
  const running = await spawnBroker(file, folders);
  t.after(() => running.child.kill("SIGKILL"));
  assert.match(await why(), /another broker holds it/);
});

test("proxy variables in its environment change nothing", async (t) => {
  const proxy = await startUpstream(t, (_request, response) => response.end("proxied"));
  const up = await startUpstream(t, (_request, response) => response.end("direct"));
  const folders = makeFolders(t, ["clerk"]);
  const env = {
    HTTP_PROXY: proxy.url,
    http_proxy: proxy.url,
    ALL_PROXY: proxy.url,
    HTTPS_PROXY: proxy.url,
    NODE_USE_ENV_PROXY: "1",
  };
  const { child } = await spawnBroker(bundleBroker(folders.root), folders, env);
  t.after(() => child.kill("SIGKILL"));
  await putRelease(folders.control, makeRelease("clerk", up.port));
  assert.equal((await ask(folders.door("clerk"), `${up.url}/x`)).body, "direct");
  assert.equal(proxy.seen.length, 0);
});

async function fetchGone(socketPath: string, url: string, signal: AbortSignal): Promise<void> {
  const { request } = await import("node:http");
  const outgoing = request({
    socketPath,
    path: url,
    method: "POST",
    headers: { "x-ambit-call": "call-0001.1" },
    agent: false,
    signal,
  });
  outgoing.on("error", () => undefined).end("{}");
}
