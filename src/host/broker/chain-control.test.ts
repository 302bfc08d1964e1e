// Control `audit`: the broker's own chain of each deployment, and the heads and seals that it signs for the supervisor.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { chainId, genesis, headText, type Standing, type Writer } from "../../controls/audit/chain.ts";
import { linkAfter } from "../../controls/audit/entry.ts";
import { sealText } from "../../controls/audit/seal.ts";
import { brokerChains, chainPage, sealAnswer, type Standings } from "../../controls/wire/audit.ts";
import { signAnswer } from "../../controls/wire/door.ts";
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
} from "./fixtures/harness.ts";

const post = (control: string, path: string, body: unknown = {}): Promise<Reply> =>
  ask(control, path, { method: "POST", body: JSON.stringify(body) });

async function eventsOf(control: string, name: string): Promise<string[]> {
  const page = chainPage.parse((await ask(control, `/chains/${name}?after=0`)).json);
  return page.entries.map(({ entry: { event, detail } }) =>
    `${event} ${detail["reason"] ?? detail["status"] ?? ""}`.trim(),
  );
}

function isSigned(key: string, text: string, signature: string): boolean {
  const x = Buffer.from(key, "base64").toString("base64url");
  const publicKey = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
  return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64"));
}

/** A chain of some entries: its digests and where it stands. */
function chainOf(writer: Writer, count: number): { digests: string[] } & Standing {
  let at = genesis(chainId("clerk", writer));
  const digests = Array.from({ length: count }, (_, turn) => {
    const { digest, standing } = linkAfter(at, { v: 1, at: "x", event: "x", turn, detail: {} });
    at = standing;
    return digest;
  });
  return { digests, ...at };
}

test("a chain that was refused twice in a row is said to be disputed, one that was refused once is not", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  const { digests, sequence, head } = chainOf("gate", 2);
  const sign = (body: object): Promise<Reply> =>
    ask(broker.door("clerk"), "http://sign.internal/head", { method: "POST", body: JSON.stringify(body) });
  const disputed = async (): Promise<string[]> =>
    brokerChains.parse((await ask(broker.control, "/chains")).json).disputed;
  const rewritten = { digests, sequence, head: "0".repeat(64) };
  assert.equal((await sign(rewritten)).status, 409);
  assert.deepEqual(await disputed(), []);
  assert.equal((await sign(rewritten)).status, 409);
  assert.deepEqual(await disputed(), ["clerk/gate"]);
  assert.equal((await sign({ digests, sequence, head })).status, 200);
  assert.deepEqual(await disputed(), []);
});

test("what was put, set, forwarded, answered and refused is on the chain of that deployment", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("done"));
  const broker = await startTestBroker(t, ["clerk", "other"]);
  for (const name of ["clerk", "other", "clerk"]) await broker.put(makeRelease(name, up.port));
  await broker.setSecret("clerk", "erp", "erp-secret-value");
  const call = { method: "POST", headers: { "x-ambit-call": "call-0001.1" }, body: "{}" };
  await ask(broker.door("clerk"), `${up.url}/mcp`, call);
  for (let times = 0; times < 50; times++) await ask(broker.door("clerk"), "https://evil.example/secret?path=1");
  const refused = "egress_refused host_not_allowed";
  while (!(await eventsOf(broker.control, "clerk")).includes(refused)) await pause(20);
  await ask(broker.control, "/deployments/clerk", { method: "DELETE" });
  assert.deepEqual(await eventsOf(broker.control, "clerk"), [
    ...["deployment_put", "secret_set", "call_forwarded", "call_answered 200"],
    ...[refused, "deployment_removed"],
  ]);
  assert.deepEqual(await eventsOf(broker.control, "other"), ["deployment_put"]);
  const text = JSON.stringify((await ask(broker.control, "/chains/clerk")).json);
  assert.ok(!text.includes("secret-value") && !text.includes("path=1") && !text.includes("done"));
});

test("a call that could not be sent, and one that broke, say so", async (t) => {
  const up = await startUpstream(t, (request) => request.socket.destroy());
  const broker = await startTestBroker(t, ["clerk"]);
  const wide = { egress: { allow_internal: [`127.0.0.1:${up.port}`, "127.0.0.1:9"] } };
  await broker.put(makeRelease("clerk", up.port, wide));
  await broker.setSecret("clerk", "erp", "erp-secret-value");
  const send = (url: string, key: string): Promise<Reply> =>
    ask(broker.door("clerk"), url, { method: "POST", headers: { "x-ambit-call": key }, body: "{}" });
  await send(`${up.url}/mcp`, "call-0001.1");
  await send("http://127.0.0.1:9/", "call-0002.1");
  await ask(broker.door("clerk"), "http://outcome.internal/call-0003.1");
  const events = (await eventsOf(broker.control, "clerk")).map((event) => event.split(" ")[0]);
  assert.deepEqual(events.slice(2), [
    "call_forwarded",
    "call_broken",
    "call_forwarded",
    "call_not_sent",
    "call_given_up",
  ]);
});

test("heads of admin and front are signed on, and neither cut, nor rewritten, nor as each other's", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  const sign = (writer: string, body: object): Promise<Reply> =>
    post(broker.control, `/chains/clerk/sign/${writer}`, body);
  for (const writer of ["admin", "front"] as const) {
    const long = chainOf(writer, 5);
    const { sequence, head, signature, key } = signAnswer.parse((await sign(writer, long)).json);
    assert.ok(isSigned(key, headText(chainId("clerk", writer), { sequence, head }), signature));
    assert.equal((await sign(writer, chainOf(writer, 3))).status, 409);
    assert.equal((await sign(writer, { ...long, digests: [] })).status, 200);
  }
  const admin = chainOf("admin", 6);
  assert.equal((await sign("front", { ...admin, digests: admin.digests.slice(5) })).status, 409);
  assert.equal((await sign("admin", { ...admin, digests: admin.digests.slice(5) })).status, 200);
  for (const writer of ["gate", "other", ""]) assert.equal((await sign(writer, admin)).status, 404);
});

test("its own chain is signed as it lies on disk: an entry that was edited there is signed no further", async (t) => {
  const folders = makeFolders(t, ["clerk"]);
  const start = () =>
    startBroker({ state: folders.state, run: folders.run, threadFile: mainFile, log: () => undefined });
  const first = await start();
  await putRelease(folders.control, makeRelease("clerk", 1));
  const signed = await post(folders.control, "/chains/clerk/sign/broker");
  assert.equal(signAnswer.parse(signed.json).sequence, 1);
  await ask(folders.control, "/deployments/clerk/secrets/erp", { method: "PUT", body: "some-value" });
  await first.stop(100);
  const database = new DatabaseSync(join(folders.state, "broker.sqlite"));
  database.exec("update chain_entries set entry = replace(entry, 'secret_set', 'secret_got')");
  database.close();
  const second = await start();
  t.after(() => second.stop(100));
  assert.equal((await post(folders.control, "/chains/clerk/sign/broker")).status, 409);
});

test("a seal says what was asked to be sealed and, beside it, what the broker itself signed last", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  await post(broker.control, "/chains/clerk/sign/front", chainOf("front", 4));
  const writers = ["admin", "broker", "front", "gate"] as const;
  const start = (writer: Writer): Standing => genesis(chainId("clerk", writer));
  const chains = Object.fromEntries(writers.map((writer) => [writer, start(writer)])) as Standings;
  const request = { exported: "2026-05-03T10:00:00Z", hash: "a".repeat(64), line: 2, chains };
  const { signature, ...seal } = sealAnswer.parse((await post(broker.control, "/chains/clerk/seal", request)).json);
  assert.ok(isSigned(seal.key, sealText(seal), signature));
  const { sequence, head } = chainOf("front", 4);
  assert.deepEqual([seal.chains, seal.deployment], [chains, "clerk"]);
  assert.deepEqual(seal.witness, { ...chains, front: { sequence, head } });
  for (const bad of [
    { ...request, more: 1 },
    { ...request, hash: "a" },
    { ...request, chains: {} },
    { ...request, line: 1 },
  ])
    assert.equal((await post(broker.control, "/chains/clerk/seal", bad)).status, 400);
});

test("a chain of a deployment that never was is empty, and no path leads elsewhere", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  assert.deepEqual((await ask(broker.control, "/chains/nobody")).json, { entries: [], signatures: [] });
  assert.equal((await post(broker.control, "/chains/nobody/sign/broker")).status, 404);
  for (const path of ["/chains/..%2fx", "/chains/clerk/x", "/chains/clerk/sign/broker/x", "/chains/Clerk"])
    assert.equal((await ask(broker.control, path)).status, 404);
  for (const after of ["-1", "x", "1.5", "1e99"])
    assert.equal((await ask(broker.control, `/chains/clerk?after=${after}`)).status, 400);
});
