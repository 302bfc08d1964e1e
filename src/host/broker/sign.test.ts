import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { chainId, genesis, headText, nextHead } from "../../controls/audit/chain.ts";
import { startBroker } from "./broker.ts";
import {
  ask,
  mainFile,
  makeFolders,
  makeRelease,
  putRelease,
  startTestBroker,
  type Reply,
} from "./fixtures/harness.ts";

const digestOf = (index: number): string => createHash("sha256").update(`entry ${index}`).digest("hex");
const digests = Array.from({ length: 10 }, (_, index) => digestOf(index));
const headAt = (deployment: string, sequence: number, list = digests): string =>
  list.slice(0, sequence).reduce((head, digest) => nextHead(head, digest), genesis(chainId(deployment, "gate")).head);

function isValid(deployment: string, reply: Reply): boolean {
  const { sequence, head, signature, key } = reply.json as {
    sequence: number;
    head: string;
    signature: string;
    key: string;
  };
  const publicKey = createPublicKey({
    format: "jwk",
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(key, "base64").toString("base64url") },
  });
  return verify(
    null,
    Buffer.from(headText(chainId(deployment, "gate"), { sequence, head })),
    publicKey,
    Buffer.from(signature, "base64"),
  );
}

const sign = (door: string, body: unknown): Promise<Reply> =>
  ask(door, "http://sign.internal/head", { method: "POST", body: JSON.stringify(body) });

test("an extension of the chain is signed, a cut or rewritten one is not", async (t) => {
  const broker = await startTestBroker(t, ["clerk", "other"]);
  for (const name of ["clerk", "other"]) await broker.put(makeRelease(name, 1));
  const door = broker.door("clerk");
  const first = await sign(door, { sequence: 3, head: headAt("clerk", 3), digests: digests.slice(0, 3) });
  assert.equal(first.status, 200);
  assert.ok(isValid("clerk", first));
  assert.ok(!isValid("other", first));
  const again = await sign(door, { sequence: 3, head: headAt("clerk", 3), digests: [] });
  assert.equal(again.body, first.body);
  const rewritten = [digestOf(99), ...digests.slice(1)];
  const bad = [
    { sequence: 2, head: headAt("clerk", 2), digests: digests.slice(0, 2) },
    { sequence: 2, head: headAt("clerk", 2), digests: [] },
    { sequence: 5, head: headAt("clerk", 5, rewritten), digests: rewritten.slice(0, 5) },
    { sequence: 5, head: headAt("clerk", 5, rewritten), digests: rewritten.slice(3, 5) },
    { sequence: 5, head: headAt("clerk", 5), digests: digests.slice(4, 5) },
    { sequence: 6, head: headAt("clerk", 5), digests: digests.slice(3, 5) },
    { sequence: 3, head: headAt("clerk", 4), digests: [] },
  ];
  for (const body of bad) {
    const reply = await sign(door, body);
    assert.deepEqual([reply.status, reply.json?.["sequence"], reply.json?.["head"]], [409, 3, headAt("clerk", 3)]);
  }
  assert.equal((await sign(door, { sequence: 5, head: headAt("clerk", 5), digests: digests.slice(3, 5) })).status, 200);
});

test("one deployment cannot have another's chain signed", async (t) => {
  const broker = await startTestBroker(t, ["clerk", "other"]);
  for (const name of ["clerk", "other"]) await broker.put(makeRelease(name, 1));
  const body = { sequence: 1, head: headAt("clerk", 1), digests: digests.slice(0, 1) };
  assert.equal((await sign(broker.door("other"), body)).status, 409);
  assert.equal((await sign(broker.door("clerk"), body)).status, 200);
});

test("2000 digests are taken at once, 2001 are not, and nothing but a POST to /head is", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  const many = Array.from({ length: 2001 }, (_, index) => digestOf(index));
  assert.equal(
    (await sign(broker.door("clerk"), { sequence: 2001, head: headAt("clerk", 2001, many), digests: many })).status,
    403,
  );
  assert.equal(
    (
      await sign(broker.door("clerk"), {
        sequence: 2000,
        head: headAt("clerk", 2000, many),
        digests: many.slice(0, 2000),
      })
    ).status,
    200,
  );
  assert.equal((await ask(broker.door("clerk"), "http://sign.internal/head")).status, 403);
  assert.equal(
    (await ask(broker.door("clerk"), "http://sign.internal/key", { method: "POST", body: "{}" })).status,
    403,
  );
  assert.equal(
    (await sign(broker.door("clerk"), { sequence: 2001, head: headAt("clerk", 1), digests: [], more: 1 })).status,
    403,
  );
});

test("a restarted broker keeps its key and where it stood", async (t) => {
  const folders = makeFolders(t, ["clerk"]);
  const start = () =>
    startBroker({ state: folders.state, run: folders.run, threadFile: mainFile, log: () => undefined });
  const before = await start();
  await putRelease(folders.control, makeRelease("clerk", 1));
  const first = await sign(folders.door("clerk"), {
    sequence: 1,
    head: headAt("clerk", 1),
    digests: digests.slice(0, 1),
  });
  await before.stop(100);
  const after = await start();
  t.after(() => after.stop(100));
  assert.equal(
    (await sign(folders.door("clerk"), { sequence: 1, head: headAt("clerk", 1), digests: digests.slice(0, 1) })).status,
    409,
  );
  const second = await sign(folders.door("clerk"), {
    sequence: 2,
    head: headAt("clerk", 2),
    digests: digests.slice(1, 2),
  });
  assert.equal(second.json?.["key"], first.json?.["key"]);
  assert.ok(isValid("clerk", second));
});

test("the chain of a forgotten deployment's gate has ended: the broker's own chain tells where, and one that begins anew is signed", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  const last = { sequence: 3, head: headAt("clerk", 3), digests: digests.slice(0, 3) };
  assert.equal((await sign(broker.door("clerk"), last)).status, 200);
  const anew = { sequence: 1, head: headAt("clerk", 1), digests: digests.slice(0, 1) };
  assert.equal((await sign(broker.door("clerk"), anew)).status, 409, "while it lives that is a cut chain");
  const forget = () => ask(broker.control, "/deployments/clerk/forget", { method: "POST" });
  assert.deepEqual([(await forget()).status, (await forget()).status], [204, 204]);
  assert.equal((await ask(broker.control, "/deployments/..%2fx/forget", { method: "POST" })).status, 404);
  const { entries } = (await ask(broker.control, "/chains/clerk?after=0")).json as { entries: { entry: unknown }[] };
  const ends = entries.map(({ entry }) => entry as { event: string; detail: unknown });
  assert.deepEqual(
    ends.filter(({ event }) => event === "deployment_forgotten").map(({ detail }) => detail),
    [{ gate: { sequence: 3, head: headAt("clerk", 3) } }],
  );
  await broker.put(makeRelease("clerk", 1));
  assert.equal((await sign(broker.door("clerk"), anew)).status, 200);
});

test("a gate whose first deploy failed leaves no signed head behind: the next of its name is signed from 1", async (t) => {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  const tried = { sequence: 3, head: headAt("clerk", 3), digests: digests.slice(0, 3) };
  assert.equal((await sign(broker.door("clerk"), tried)).status, 200);
  const close = () => ask(broker.control, "/deployments/clerk", { method: "DELETE" });
  assert.deepEqual([(await close()).status, (await close()).status], [204, 204]);
  await broker.put(makeRelease("clerk", 1));
  const anew = { sequence: 1, head: headAt("clerk", 1), digests: digests.slice(0, 1) };
  assert.equal((await sign(broker.door("clerk"), anew)).status, 200);
});
