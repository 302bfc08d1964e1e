// Control `audit`: heads of all three chains reach the broker, a real one, and a chain that was edited on disk is found out.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { ask, makeRelease, startTestBroker } from "../broker/fixtures/harness.ts";
import { FrontChain } from "../front/chain.ts";
import { healthSocket, serveHealth } from "../front/health.ts";
import { Measures } from "../front/measures.ts";
import { carried, type Carried } from "./admin-chain.ts";
import { ChainLinks } from "./chain-links.ts";
import type { Places } from "./places.ts";
import { openRegistry, type Registry } from "./registry.ts";
import { Witness } from "./witness.ts";

interface Stand {
  front: FrontChain;
  readonly run: string;
  /** The gate's way to the broker. */
  readonly door: string;
  registry: Registry;
  readonly file: string;
  readonly disputed: string[];
  readonly said: string[];
  round(): Promise<void>;
  signed(): Record<Carried, number>;
}

async function openStand(t: TestContext, control?: string): Promise<Stand> {
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", 1));
  for (const folder of ["front", "own"]) mkdirSync(join(broker.run, folder));
  const front = new FrontChain(join(broker.run, "own"), (error) => assert.fail(error));
  await serveHealth(healthSocket(broker.run), front.table, new Measures());
  const file = join(broker.root, "host.sqlite");
  const places = {
    broker: { control: control ?? broker.control },
    front: { health: healthSocket(broker.run) },
  } as Places;
  const stand: Stand = {
    ...{
      front,
      run: broker.run,
      door: broker.door("clerk"),
      file,
      registry: openRegistry(file, () => ""),
      disputed: [],
      said: [],
    },
    round: () => {
      const { audit } = stand.registry;
      return new Witness({
        ...{ audit, links: new ChainLinks(places, audit), isKnown: (name) => name === "clerk" },
        log: {
          event: (event, fields) => void stand.said.push(`${event} ${String(fields?.["chain"])}`),
          follow: () => {},
          keepIn: () => {},
        },
        onDisputed: (name, writer) => void stand.disputed.push(`${name}/${writer}`),
      }).round();
    },
    signed: () => {
      const { audit } = stand.registry;
      return Object.fromEntries(carried.map((one) => [one, audit.lastSigned("clerk", one)])) as Record<Carried, number>;
    },
  };
  t.after(() => stand.registry.close());
  return stand;
}

test("the heads of admin, broker and front are signed, and again when they have grown", async (t) => {
  const stand = await openStand(t);
  const { audit } = stand.registry;
  for (let turn = 0; turn < 3; turn++) audit.append("clerk", "secret_set", { secret: "erp" });
  stand.front.table.append("clerk", "front_started", {});
  await stand.round();
  assert.deepEqual(stand.signed(), { admin: 3, broker: 1, front: 1 });
  audit.append("clerk", "stopped", {});
  await stand.round();
  assert.deepEqual(stand.signed(), { admin: 4, broker: 1, front: 1 });
  assert.deepEqual([stand.disputed, stand.said], [[], []]);
});

test("what the front says of a deployment that is not here is not signed", async (t) => {
  const stand = await openStand(t);
  stand.front.table.append("other", "front_started", {});
  await stand.round();
  assert.equal(stand.registry.audit.lastSigned("other", "front"), 0);
});

test("a signature that was given and then lost in a kill is asked for again", async (t) => {
  const stand = await openStand(t);
  for (let turn = 0; turn < 3; turn++) stand.registry.audit.append("clerk", "secret_set", { turn });
  await stand.round();
  edit(stand, "delete from signatures");
  await stand.round();
  assert.equal(stand.signed().admin, 3);
  assert.deepEqual(stand.disputed, []);
});

/** What somebody with the file could do to the admin chain, once it was signed. */
const edits: readonly [name: string, sql: string][] = [
  ["other heads", "update chain_entries set head = lower(hex(zeroblob(32))); delete from signatures"],
  ["its end cut", "delete from chain_entries where seq > 1; delete from signatures"],
];

for (const [name, sql] of edits) {
  test(`the admin chain with ${name} is signed no further, and that is told`, async (t) => {
    const stand = await openStand(t);
    for (let turn = 0; turn < 3; turn++) stand.registry.audit.append("clerk", "secret_set", { turn });
    await stand.round();
    edit(stand, sql);
    stand.registry.audit.append("clerk", "stopped", {});
    await stand.round();
    assert.deepEqual(stand.disputed, ["clerk/admin"]);
    assert.equal(stand.signed().admin, 0);
    assert.deepEqual(stand.said, ["head_not_signed clerk/admin"]);
  });
}

for (const [writer, more, sql] of [
  ["front", "2 entries, and 3", "delete from chain_entries where seq > 2"],
  ["front", "0 entries, and 3", "delete from chain_entries"],
  ["admin", "4 entries, and 5", "delete from chain_entries where seq > 4"],
] as const) {
  test(`the ${writer} chain that has ${more} were signed, is told before it has grown again`, async (t) => {
    const stand = await openStand(t);
    stand.registry.audit.append("clerk", "deployed", {});
    stand.registry.audit.append("clerk", "started", {});
    const append = (): void => {
      if (writer === "admin") stand.registry.audit.append("clerk", "stopped", {});
      else stand.front.table.append("clerk", "front_started", {});
    };
    for (let turn = 0; turn < 3; turn++) append();
    await stand.round();
    assert.deepEqual(stand.disputed, []);
    if (writer === "admin") edit(stand, sql);
    else await editFront(stand, sql);
    await stand.round();
    assert.deepEqual(stand.disputed, [`clerk/${writer}`]);
  });
}

test("a gate whose chain the broker signs no further is told", async (t) => {
  const stand = await openStand(t);
  const body = JSON.stringify({ sequence: 1, head: "0".repeat(64), digests: ["1".repeat(64)] });
  for (const disputed of [[], ["clerk/gate"]]) {
    assert.equal((await ask(stand.door, "http://sign.internal/head", { method: "POST", body })).status, 409);
    await stand.round();
    assert.deepEqual(stand.disputed, disputed);
  }
});

test("a broker that does not answer is said and keeps nothing from going on", async (t) => {
  const stand = await openStand(t, "/nowhere/control.sock");
  stand.registry.audit.append("clerk", "stopped", {});
  await stand.round();
  assert.deepEqual(stand.said, ["head_not_signed clerk/admin", "head_not_signed broker"]);
});

async function editFront(stand: Stand, sql: string): Promise<void> {
  stand.front.close();
  const folder = join(stand.run, "own");
  const database = new DatabaseSync(join(folder, "front.sqlite"));
  database.exec(sql);
  database.close();
  stand.front = new FrontChain(folder, (error) => assert.fail(error));
  await serveHealth(healthSocket(stand.run), stand.front.table, new Measures());
}

function edit(stand: Stand, sql: string): void {
  stand.registry.close();
  const database = new DatabaseSync(stand.file);
  database.exec(sql);
  database.close();
  stand.registry = openRegistry(stand.file, () => "");
}
