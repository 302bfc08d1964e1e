import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "./broker.ts";
import {
  ask,
  mainFile,
  makeFolders,
  makeRelease,
  putRelease,
  startTestBroker,
  startUpstream,
} from "./fixtures/harness.ts";

test("the control socket is 0600, a door 0666, and what is kept on disk 0600", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  assert.equal((await ask(broker.control, "/healthz")).status, 200);
  assert.equal((await broker.put(makeRelease("clerk", 1))).status, 204);
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  const files = ["deployments/clerk.json", "sign.key"].map((file) => mode(join(broker.state, file)));
  assert.deepEqual([mode(broker.control), mode(broker.door("clerk")), ...files], ["600", "666", "600", "600"]);
});

test("unknown paths, other methods, unknown keys and bodies over the cap are refused", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  const status = async (method: string, path: string, body = ""): Promise<number> =>
    (await ask(broker.control, path, { method, body })).status;
  assert.equal(await status("GET", "/deployments/clerk"), 404);
  assert.equal(await status("GET", "/deployments/clerk/secrets/erp"), 404);
  assert.equal(await status("PUT", "/deployments/clerk/secrets"), 404);
  assert.equal(await status("PUT", "/deployments/clerk", "not json"), 400);
  assert.equal(
    await status("PUT", "/deployments/clerk", JSON.stringify({ release: makeRelease("clerk", 1), more: 1 })),
    400,
  );
  assert.equal(await status("PUT", "/deployments/clerk", "x".repeat(1_048_577)), 400);
  assert.equal(await status("PUT", "/deployments/other", JSON.stringify({ release: makeRelease("clerk", 1) })), 422);
  assert.equal(await status("PUT", "/deployments/clerk/secrets/erp", "x".repeat(8195)), 400);
  assert.equal(await status("PUT", "/deployments/clerk/secrets/erp", "two\nlines"), 400);
  assert.equal(await status("PUT", "/deployments/clerk/secrets/..%2fx", "value"), 400);
  assert.equal(await status("DELETE", "/deployments/..%2f..%2fx"), 204);
});

test("a release with a destination that nothing could reach is refused and the old one goes on", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  const reply = await broker.put(makeRelease("clerk", up.port, { egress: {} }));
  assert.deepEqual(
    [reply.status, reply.json?.["field"], reply.json?.["reason"]],
    [422, "servers.erp.url", "url.scheme"],
  );
  assert.equal((await ask(broker.door("clerk"), `${up.url}/x`)).body, "ok");
});

test("a new release counts at once: what it no longer lists is refused, on open connections too", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  const wide = { egress: { allow_internal: [`127.0.0.1:${up.port}`, "127.0.0.1:9"] } };
  await broker.put(makeRelease("clerk", 9, wide));
  assert.equal((await ask(broker.door("clerk"), `${up.url}/x`)).body, "ok");
  await broker.put(makeRelease("clerk", 9));
  assert.equal((await ask(broker.door("clerk"), `${up.url}/x`)).json?.["reason"], "url.scheme");
});

test("a removed deployment has no door and its rules are gone after a restart", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  assert.equal((await ask(broker.control, "/deployments/clerk", { method: "DELETE" })).status, 204);
  await assert.rejects(ask(broker.door("clerk"), "http://outcome.internal/call-0001.1"));
  assert.deepEqual(readdirSync(join(broker.state, "deployments")), []);
});

test("a restarted broker opens the same doors, over stale sockets, with the same rules and secrets", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const folders = makeFolders(t, ["clerk", "gone", "broken"]);
  const lines: string[] = [];
  const start = () =>
    startBroker({
      state: folders.state,
      run: folders.run,
      threadFile: mainFile,
      log: (level, event, fields) => void lines.push(`${level} ${event} ${fields?.["deployment"] ?? ""}`),
    });
  const before = await start();
  for (const name of ["clerk", "gone", "broken"])
    assert.equal((await putRelease(folders.control, makeRelease(name, up.port))).status, 204);
  await ask(folders.control, "/deployments/clerk/secrets/erp", { method: "PUT", body: "erp-secret-value" });
  await before.stop(100);
  rmSync(join(folders.run, "doors/gone"), { recursive: true });
  writeFileSync(join(folders.state, "deployments/broken.json"), "{");
  const after = await start();
  t.after(() => after.stop(100));
  assert.equal((await ask(folders.door("clerk"), `${up.url}/mcp`, { method: "POST", body: "{}" })).body, "ok");
  assert.equal(up.seen[0]?.headers.authorization, "Bearer erp-secret-value");
  assert.ok(lines.includes("error deployment_not_loaded gone") && lines.includes("error deployment_not_loaded broken"));
  mkdirSync(join(folders.run, "doors/gone"));
  assert.equal((await putRelease(folders.control, makeRelease("gone", up.port))).status, 204);
  assert.equal((await ask(folders.door("gone"), `${up.url}/x`)).body, "ok");
});

test("a door whose folder was made anew is opened again by the next put", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  rmSync(join(broker.run, "doors/clerk"), { recursive: true });
  mkdirSync(join(broker.run, "doors/clerk"));
  await assert.rejects(ask(broker.door("clerk"), `${up.url}/x`));
  await broker.put(makeRelease("clerk", up.port));
  assert.equal((await ask(broker.door("clerk"), `${up.url}/x`)).body, "ok");
});

test("a missing door folder, or something else where the socket goes, is one clear line", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  const missing = await broker.put(makeRelease("other", 1));
  assert.equal(missing.status, 500);
  assert.match(String(missing.json?.["message"]), /its folder is missing/);
  assert.deepEqual(readdirSync(join(broker.state, "deployments")), []);
  writeFileSync(broker.door("clerk"), "precious");
  assert.match(String((await broker.put(makeRelease("clerk", 1))).json?.["message"]), /not a socket/);
  assert.equal(readFileSync(broker.door("clerk"), "utf8"), "precious");
  rmSync(broker.door("clerk"));
  symlinkSync("/dev/null", broker.door("clerk"));
  assert.match(String((await broker.put(makeRelease("clerk", 1))).json?.["message"]), /not a socket/);
});

test("a secret that was put is nowhere in what the broker says or logs", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  const replies = [
    await broker.setSecret("clerk", "erp", "very-secret-value"),
    await broker.setSecret("clerk", "erp", "very-secret-value\nmore"),
    await broker.setSecret("clerk", "Erp", "very-secret-value"),
  ];
  assert.deepEqual(
    replies.map((reply) => reply.status),
    [204, 400, 400],
  );
  assert.ok(!JSON.stringify([replies, broker.lines]).includes("very-secret"));
});
