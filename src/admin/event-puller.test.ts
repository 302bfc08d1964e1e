// The index, filled from a supervisor whose chains a test writes.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { writers, type Standing, type Writer } from "../controls/audit/chain.ts";
import { linkAfter, type EntryBody } from "../controls/audit/entry.ts";
import { beginning } from "../controls/audit/follow.ts";
import { EventPuller } from "./event-puller.ts";
import { keptBytes, keptEntries, openEvents, type EventStore } from "./event-store.ts";
import type { ChainStatus } from "./event-view.ts";
import { HostLink } from "./host-link.ts";

const folder = mkdtempSync("/tmp/ambit-puller-");
const socket = join(folder, "host.sock");
const file = join(folder, "events.sqlite");

/** A chain that can be written on, and rewritten. */
class Written {
  readonly entries: { entry: unknown; head: string }[] = [];
  #standing: Standing;
  constructor(name: string, writer: Writer) {
    this.#standing = beginning(name, writer);
  }
  add(event: string, detail: EntryBody["detail"] = {}): this {
    const { text, standing } = linkAfter(this.#standing, { v: 1, at: "2026-01-01T00:00:00.000Z", event, detail });
    this.entries.push({ entry: JSON.parse(text) as unknown, head: standing.head });
    this.#standing = standing;
    return this;
  }
}

let chains: Map<string, Written>;
let there: Set<string>;
let silent: Set<string>;
let store: EventStore;
let puller: EventPuller;
let server: Server;

const chain = (name: string, writer: Writer): Written => {
  const key = `${name}/${writer}`;
  const found = chains.get(key) ?? new Written(name, writer);
  chains.set(key, found);
  return found;
};

beforeEach(async () => {
  [chains, there, silent] = [new Map(), new Set(["alpha"]), new Set()];
  rmSync(file, { force: true });
  store = openEvents(file);
  puller = new EventPuller(new HostLink(socket), store, () => undefined);
  server = createServer((request, response) => {
    const answer = (status: number, value: object) => response.writeHead(status).end(JSON.stringify(value));
    if (request.url === "/v1/audit") {
      const names = new Set([...chains.keys()].map((key) => key.split("/")[0] ?? ""));
      const deployments = [...names].map((name) => {
        const lengths = Object.fromEntries(writers.map((one) => [one, chain(name, one).entries.length]));
        return { name, isThere: there.has(name), lengths };
      });
      return answer(200, { deployments });
    }
    const [, name = "", rest = "", from] =
      /^\/v1\/deployments\/(\w+)\/(.+)\?after=(\d+)$/.exec(request.url ?? "") ?? [];
    const writer = rest === "gate/control/audit" ? "gate" : (rest.split("/")[1] as Writer);
    const problem = { type: "urn:ambit:problem:gate_not_ready", title: "-", status: 503, detail: "it is starting" };
    if (silent.has(`${name}/${writer}`)) return answer(503, problem);
    const entries = chain(name, writer).entries.slice(Number(from), Number(from) + 3);
    return answer(200, { entries, signatures: [] });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});

afterEach(async () => {
  store.close();
  await new Promise((resolve) => server.close(resolve));
});

after(() => rmSync(folder, { recursive: true, force: true }));

const kinds = (filter = {}): string[] => store.after(filter, 0, 1000).events.map(({ entry }) => entry.event);
const statusOf = async (name: string, writer: Writer): Promise<ChainStatus[]> => {
  const all = await puller.status();
  assert.ok(!("code" in all));
  return all.filter((one) => one.deployment === name && one.chain === writer);
};

test("all four chains come in, in order, each entry once, however often it is asked and after a restart", async () => {
  for (const writer of writers) for (let n = 1; n <= 7; n++) chain("alpha", writer).add(`${writer}_${n}`);
  assert.equal(await puller.round(), true);
  assert.equal(await puller.round(), false);
  store.close();
  store = openEvents(file);
  puller = new EventPuller(new HostLink(socket), store, () => undefined);
  chain("alpha", "front").add("front_8");
  await puller.round();
  for (const writer of writers) {
    const count = writer === "front" ? 8 : 7;
    const expected = Array.from({ length: count }, (_, n) => `${writer}_${n + 1}`);
    assert.deepEqual(kinds({ chain: writer }), expected);
    assert.deepEqual(
      (await statusOf("alpha", writer)).map(({ behind }) => behind),
      [0],
    );
  }
});

test("a chain that was rewritten is shown as a fork, nothing more of it is taken, and the others go on", async () => {
  chain("alpha", "gate").add("call_held").add("call_denied");
  await puller.round();
  chains.set("alpha/gate", new Written("alpha", "gate").add("call_held").add("call_approved").add("call_done"));
  chain("alpha", "front").add("refused");
  await puller.round();
  assert.deepEqual(kinds({ chain: "gate" }), ["call_held", "call_denied"]);
  assert.deepEqual(kinds({ chain: "front" }), ["refused"]);
  const [gate] = await statusOf("alpha", "gate");
  assert.deepEqual([gate?.fault?.kind, gate?.fault?.sequence, gate?.behind], ["fork", 2, 1]);
});

test("an entry that is left out is shown as a gap, and those before it are taken", async () => {
  const written = chain("alpha", "gate").add("a").add("b").add("c");
  written.entries.splice(1, 1);
  await puller.round();
  assert.deepEqual(kinds(), ["a"]);
  assert.equal((await statusOf("alpha", "gate"))[0]?.fault?.kind, "gap");
});

test("a chain that was cut is shown", async () => {
  const written = chain("alpha", "broker").add("a").add("b").add("c");
  await puller.round();
  written.entries.length = 1;
  await puller.round();
  assert.equal((await statusOf("alpha", "broker"))[0]?.fault?.kind, "cut");
});

test("a gate that does not answer is named, holds nobody else up, and is read when it is back", async () => {
  there.add("beta");
  silent.add("alpha/gate");
  chain("alpha", "gate").add("a");
  chain("beta", "gate").add("b");
  await puller.round();
  assert.deepEqual(kinds(), ["b"]);
  const [gate] = await statusOf("alpha", "gate");
  assert.deepEqual([gate?.behind, gate?.unreadable], [1, "it is starting"]);
  silent.clear();
  for (let tries = 0; tries < 200 && kinds().length < 2; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    await puller.round();
  }
  assert.deepEqual(kinds(), ["b", "a"]);
});

test("a removed deployment stays as removed, and one of its name afterwards begins anew", async () => {
  chain("alpha", "admin").add("deployed");
  chain("alpha", "gate").add("a").add("b");
  await puller.round();
  chain("alpha", "gate").add("not read any more");
  chain("alpha", "admin").add("removed").add("deployed");
  chain("alpha", "broker").add("deployment_forgotten", { gate: { sequence: 3 } });
  chains.set("alpha/gate", new Written("alpha", "gate").add("c").add("d").add("e"));
  await puller.round();
  const told = (await statusOf("alpha", "gate")).map(({ life, followed, length, removed, fault }) => {
    return [life, followed, length, removed, fault];
  });
  assert.deepEqual(told, [
    [1, 2, 3, true, null],
    [2, 3, 3, false, null],
  ]);
  assert.deepEqual(kinds({ deployment: "alpha", chain: "gate" }), ["a", "b", "c", "d", "e"]);
  there.clear();
  assert.deepEqual(
    (await statusOf("alpha", "admin")).map(({ removed }) => removed),
    [true],
  );
});

test("a file that is no index is thrown away, and the index is built anew under other ids", async () => {
  chain("alpha", "gate").add("a");
  await puller.round();
  const [before] = store.after({}, 0, 1).events;
  store.close();
  const { writeFileSync } = await import("node:fs");
  writeFileSync(file, "no database at all".repeat(100));
  store = openEvents(file);
  puller = new EventPuller(new HostLink(socket), store, () => undefined);
  await puller.round();
  const [now] = store.after({}, 0, 1).events;
  assert.deepEqual(now?.entry, before?.entry);
  assert.notEqual(now?.id, before?.id);
});

test("of one chain the last entries are kept, and of another all of its few", () => {
  const few = store.current("alpha", "front");
  const many = store.current("alpha", "gate");
  const link = (sequence: number) => ({
    entry: { v: 1 as const, seq: sequence, at: "2026-01-01T00:00:00.000Z", event: "x", detail: {} },
    head: "0",
  });
  store.take(few, { taken: [link(1)], standing: { sequence: 1, head: "0" }, fault: undefined });
  store.take(many, { taken: [link(1), link(2)], standing: { sequence: keptEntries + 1, head: "0" }, fault: undefined });
  assert.deepEqual(
    store.after({}, 0, 10).events.map(({ chain: writer, entry }) => [writer, entry.seq]),
    [
      ["front", 1],
      ["gate", 2],
    ],
  );
});

test("a gate whose entries are huge fills no disk: the index lets its oldest go, of that chain alone", () => {
  const [gate, front] = [store.current("alpha", "gate"), store.current("alpha", "front")];
  const link = (seq: number, text: string) => {
    const entry = { v: 1 as const, seq, at: "2026-01-01T00:00:00.000Z", event: "said", detail: { text } };
    return { entry, head: "0" };
  };
  const take = (of: typeof gate, seq: number, text: string) =>
    store.take(of, { taken: [link(seq, text)], standing: { sequence: seq, head: "0" }, fault: undefined });
  take(front, 1, "small");
  const third = "x".repeat(keptBytes / 3);
  for (let seq = 1; seq <= 5; seq++) take(store.current("alpha", "gate"), seq, third);
  const kept = (writer: Writer) => store.after({ deployment: "alpha", chain: writer }, 0, 10).events;
  assert.deepEqual(
    kept("gate").map(({ entry }) => entry.seq),
    [4, 5],
  );
  take(store.current("alpha", "gate"), 6, "y".repeat(keptBytes + 1));
  assert.deepEqual(
    kept("gate").map(({ entry }) => entry.seq),
    [6],
  );
  assert.deepEqual(
    kept("front").map(({ entry }) => entry.seq),
    [1],
  );
});
