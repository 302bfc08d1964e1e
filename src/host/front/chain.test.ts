// Control `audit`: what the front refuses of a deployment is on that deployment's chain, however often it is refused.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chainPage } from "../../controls/wire/audit.ts";
import { FrontChain } from "./chain.ts";
import { serveHealth } from "./health.ts";
import { Measures } from "./measures.ts";
import { eventually, openStand, openWire, type Stand } from "./fixtures/stand.ts";

function eventsOf({ chain }: Stand, name: string): string[] {
  const { entries } = chainPage.parse(chain.page(name, 0));
  return entries.map(({ entry: { event, detail } }) => [event, detail["reason"], detail["count"]].join(" ").trim());
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

test("a request that is passed on is one word about this start, and no other request has an entry", async (t) => {
  const stand = await openStand(t);
  await stand.gate("clerk");
  for (const path of ["/d/clerk/v1/x", "/d/clerk/v1/y", "/d/nobody/v1/x", "/other"]) await fetch(stand.url + path);
  await eventually("the entry", () => eventsOf(stand, "clerk").length > 0);
  assert.deepEqual(eventsOf(stand, "clerk"), ["front_started  1"]);
  assert.deepEqual(Object.keys(stand.chain.lengths()), ["clerk"]);
});

test("two hundred refusals of one kind are one entry, and the count comes with the end of their minute", async (t) => {
  const stand = await openStand(t);
  await stand.gate("clerk");
  const large = `POST /d/clerk/v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n`;
  await Promise.all(Array.from({ length: 200 }, () => openWire(stand.port, large).closed()));
  await eventually("the entries", () => eventsOf(stand, "clerk").length > 1);
  assert.deepEqual(eventsOf(stand, "clerk"), ["front_started  1", "request_refused body_too_large 1"]);
});

test("what was handed out to be signed is on disk: a machine that loses power leaves no chain that looks cut", () => {
  const folder = mkdtempSync(join(tmpdir(), "ambit-front-"));
  const lost = join(folder, "lost");
  const front = new FrontChain(folder, (error) => assert.fail(error));
  try {
    for (let turn = 0; turn < 3; turn++) front.table.append("clerk", "front_started", {});
    assert.equal(front.table.page("clerk", 0).entries.length, 3);
    front.table.append("clerk", "front_started", {});
    // What was written without a sync may be lost with the power, and all of it is in the log beside this file.
    mkdirSync(lost);
    copyFileSync(join(folder, "front.sqlite"), join(lost, "front.sqlite"));
    const after = new FrontChain(lost, (error) => assert.fail(error));
    assert.deepEqual(after.table.lengths(), { clerk: 3 });
    after.close();
  } finally {
    front.close();
    rmSync(folder, { recursive: true });
  }
});

test("a chain that cannot be read is said, and the front goes on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ambit-front-"));
  try {
    mkdirSync(join(folder, "front"));
    const front = new FrontChain(folder, (error) => assert.fail(error));
    const path = join(folder, "front", "health.sock");
    await serveHealth(path, front.table, new Measures());
    front.close();
    const ask = (target: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = request({ socketPath: path, path: target }, (answer) => resolve(answer.resume().statusCode ?? 0));
        sent.on("error", reject).end();
      });
    assert.deepEqual([await ask("/chains/clerk"), await ask("/healthz"), await ask("/other")], [503, 200, 404]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a request of another deployment is on the chain of that one alone", async (t) => {
  const stand = await openStand(t, { requestsPerGate: 1 });
  await stand.gate("slow", () => undefined);
  await stand.gate("clerk");
  const first = openWire(stand.port, get("/d/slow/v1/x"));
  await eventually("a request under way", () => stand.chain.lengths()["slow"] === 1);
  assert.equal((await fetch(`${stand.url}/d/slow/v1/x`)).status, 503);
  await fetch(`${stand.url}/d/clerk/v1/x`);
  await eventually("both chains", () => stand.chain.lengths()["slow"] === 2 && stand.chain.lengths()["clerk"] === 1);
  assert.equal(eventsOf(stand, "slow")[1], "request_refused deployment_busy 1");
  first.socket.destroy();
});
