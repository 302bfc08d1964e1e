// Control `workflow`: the broker's part of the freeze switch. A gate that ignores the freeze asks here for everything.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { doorHosts } from "../../controls/wire/door.ts";
import { startBroker } from "./broker.ts";
import {
  ask,
  mainFile,
  makeFolders,
  makeRelease,
  putRelease,
  startTestBroker,
  startUpstream,
  type Reply,
  type TestBroker,
  type Upstream,
} from "./fixtures/harness.ts";

const call = (n: number): Record<string, string> => ({ "x-ambit-call": `call_0000000${n}.1` });

async function open(t: TestContext): Promise<{ broker: TestBroker; up: Upstream; door: string }> {
  const up = await startUpstream(t, (request, response) => {
    const answer = (): void => void response.end("done");
    if (request.url === "/slow") setTimeout(answer, 300);
    else answer();
  });
  const broker = await startTestBroker(t, ["clerk", "other"]);
  const records = { people: { file: "./erp.sqlite", sql: "select name from people" } };
  const file = join(broker.root, "erp.sqlite");
  const database = new DatabaseSync(file);
  database.exec("create table people (name text); insert into people values ('amy')");
  database.close();
  const model = { provider: "openai-compatible", base_url: `${up.url}/v1`, name: "m" };
  const change = { agent: { instructions: "./x.md", model }, records };
  for (const name of ["clerk", "other"]) {
    const put = await broker.put(makeRelease(name, up.port, change, { people: file }));
    assert.equal(put.status, 204, put.body);
  }
  return { broker, up, door: broker.door("clerk") };
}

function setFrozen(control: string, method: "PUT" | "DELETE", name = "clerk"): Promise<Reply> {
  return ask(control, `http://broker/deployments/${name}/frozen`, { method });
}

function word(reply: Reply): unknown[] {
  return [reply.status, reply.json?.["word"], reply.json?.["reason"]];
}

const refused = [403, "refused", "frozen"];

test("nothing of a frozen deployment leaves: no model call, no tool call, no request, no record; its neighbour goes on", async (t) => {
  const { broker, up, door } = await open(t);
  const asks: [string, Parameters<typeof ask>[2]][] = [
    [`http://${doorHosts.model}/chat/completions`, { method: "POST", body: "{}" }],
    [`${up.url}/x`, {}],
    [`${up.url}/x`, { method: "POST", body: "{}", headers: call(1) }],
    [`http://${doorHosts.records}/people`, { method: "POST", body: `{"params":{}}` }],
    [`http://nobody.internal/`, {}],
  ];
  assert.equal((await setFrozen(broker.control, "PUT")).status, 204);
  for (const [url, what] of asks) assert.deepEqual(word(await ask(door, url, what)), refused, url);
  assert.equal(up.seen.length, 0);
  assert.equal((await ask(broker.door("other"), `${up.url}/x`)).body, "done");
  assert.equal((await setFrozen(broker.control, "DELETE")).status, 204);
  for (const [url, what] of asks.slice(0, 4)) assert.equal((await ask(door, url, what)).status, 200, url);
  assert.equal(up.seen.length, 4);
});

test("heads of a frozen deployment are still signed and outcomes still told, and what was refused can run after the thaw", async (t) => {
  const { broker, up, door } = await open(t);
  await setFrozen(broker.control, "PUT");
  const refusedCall = await ask(door, `${up.url}/x`, { method: "POST", body: "{}", headers: call(1) });
  assert.deepEqual(word(refusedCall), refused);
  const outcome = await ask(door, `http://${doorHosts.outcome}/call_00000002.1`);
  assert.deepEqual(outcome.json, { state: "not_forwarded" });
  const head = JSON.stringify({ sequence: 1, head: "0".repeat(64), digests: [] });
  assert.equal((await ask(door, `http://${doorHosts.sign}/head`, { method: "POST", body: head })).status, 409);
  await setFrozen(broker.control, "DELETE");
  assert.equal((await ask(door, `${up.url}/x`, { method: "POST", body: "{}", headers: call(1) })).body, "done");
});

test("a call whose bytes are out when the freeze comes ends as it ends, and its outcome is kept", async (t) => {
  const { broker, up, door } = await open(t);
  const slow = ask(door, `${up.url}/slow`, { method: "POST", body: "{}", headers: call(1) });
  while (up.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await setFrozen(broker.control, "PUT");
  assert.equal((await slow).body, "done");
  const outcome = await ask(door, `http://${doorHosts.outcome}/call_00000001.1`);
  assert.deepEqual([outcome.json?.["state"], outcome.json?.["body"]], ["answered", "done"]);
});

test("a request that was begun before the freeze and finished after it does not leave", async (t) => {
  const { broker, up, door } = await open(t);
  for (const [target, more] of [
    [`${up.url}/x`, ""],
    [`${up.url}/x`, "x-ambit-call: call_00000003.1\r\n"],
    [`http://${doorHosts.records}/people`, "content-type: application/json\r\n"],
    [`http://${doorHosts.model}/chat/completions`, ""],
  ] as const) {
    const socket = connect(door, () =>
      socket.write(`POST ${target} HTTP/1.1\r\nhost: x\r\n${more}content-length: 13\r\n\r\n{"params`),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    await setFrozen(broker.control, "PUT");
    const answer = new Promise<string>((resolve) => socket.once("data", (piece) => resolve(String(piece))));
    socket.write(`":{}}`);
    assert.match(await answer, /^HTTP\/1\.1 403 [^]*"reason":"frozen"/, target);
    socket.destroy();
    await setFrozen(broker.control, "DELETE");
  }
  assert.equal(up.seen.length, 0);
});

test("a frozen deployment stays frozen over a new release and over a broker that starts again alone", async (t) => {
  const folders = makeFolders(t, ["clerk"]);
  const up = await startUpstream(t, (_request, response) => response.end("done"));
  const release = makeRelease("clerk", up.port);
  const life = () =>
    startBroker({ state: folders.state, run: folders.run, threadFile: mainFile, log: () => undefined });
  const first = await life();
  await putRelease(folders.control, release);
  await setFrozen(folders.control, "PUT");
  await putRelease(folders.control, release);
  assert.deepEqual(word(await ask(folders.door("clerk"), `${up.url}/x`)), refused);
  await first.stop(200);
  const second = await life();
  assert.deepEqual(word(await ask(folders.door("clerk"), `${up.url}/x`)), refused);
  await setFrozen(folders.control, "DELETE");
  await second.stop(200);
  const third = await life();
  t.after(() => third.stop(200));
  assert.equal((await ask(folders.door("clerk"), `${up.url}/x`)).body, "done");
});

test("a deployment that is put as frozen is so from its first moment, and putting it again does not thaw it", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("done"));
  const broker = await startTestBroker(t, ["clerk"]);
  const release = makeRelease("clerk", up.port);
  const body = JSON.stringify({ release, frozen: true });
  assert.equal((await ask(broker.control, "http://broker/deployments/clerk", { method: "PUT", body })).status, 204);
  assert.deepEqual(word(await ask(broker.door("clerk"), `${up.url}/x`)), refused);
  await broker.put(release);
  assert.deepEqual(word(await ask(broker.door("clerk"), `${up.url}/x`)), refused);
});

test("a file of the form before counts as not frozen, and a deployment that is not there cannot be frozen", async (t) => {
  const folders = makeFolders(t, ["clerk"]);
  const up = await startUpstream(t, (_request, response) => response.end("done"));
  const life = () =>
    startBroker({ state: folders.state, run: folders.run, threadFile: mainFile, log: () => undefined });
  const first = await life();
  assert.equal((await setFrozen(folders.control, "PUT")).status, 404);
  await putRelease(folders.control, makeRelease("clerk", up.port));
  await first.stop(200);
  const file = join(folders.state, "deployments", "clerk.json");
  const { release, ...more } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  assert.deepEqual(more, { v: 2, frozen: false });
  writeFileSync(file, JSON.stringify({ v: 1, release }));
  const second = await life();
  t.after(() => second.stop(200));
  assert.equal((await ask(folders.door("clerk"), `${up.url}/x`)).body, "done");
});
