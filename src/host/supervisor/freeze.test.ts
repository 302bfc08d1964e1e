// Control `workflow`: the freeze switch of the supervisor, with a gate that does what it can against it, and with kills
// between its steps. Longer than 300 lines because each way round the switch is one test on one stand.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { deploymentList } from "../../controls/wire/control.ts";
import { freezeAnswer, type FreezeAnswer } from "../../controls/wire/freeze.ts";
import { problem } from "../../controls/wire/gate.ts";
import { endAll, makeRelease, makeState, Stand, until } from "./fixtures/stand.ts";
import { findGatePlaces } from "./places.ts";

after(endAll);

const everywhere = { front: "frozen", broker: "frozen", ledger: "frozen" };
const eve = { by: "eve", reason: "looks odd" };

async function freeze(stand: Stand, name: string, body: object = eve): Promise<FreezeAnswer> {
  const answer = await stand.control("POST", `/v1/deployments/${name}/freeze`, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return freezeAnswer.parse(answer.body);
}

function thaw(stand: Stand, name: string): ReturnType<Stand["control"]> {
  return stand.control("POST", `/v1/deployments/${name}/thaw`, { by: "ops" });
}

async function listed(stand: Stand, name: string): Promise<unknown> {
  const { deployments } = deploymentList.parse((await stand.control("GET", "/v1/deployments")).body);
  return deployments.find((one) => one.name === name)?.frozen?.places ?? null;
}

function askBroker(stand: Stand, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: stand.places.broker.control, path }, (answer) => {
      let text = "";
      answer.on("data", (piece: Buffer) => (text += piece.toString()));
      answer.on("end", () => resolve(text));
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function brokerHas(stand: Stand): Promise<string[]> {
  return (JSON.parse(await askBroker(stand, "/told")) as { frozen: string[] }).frozen;
}

/** What the gate was told in this life. */
async function told(stand: Stand, name: string): Promise<string[]> {
  const answer = await stand.control("GET", `/v1/deployments/${name}/gate/control/told`);
  return answer.status === 200 ? (answer.body as { told: string[] }).told : [];
}

/** One supervisor for all tests that do not end it; each has deployments of its own on it. */
let shared: Promise<Stand> | undefined;
function sharedStand(): Promise<Stand> {
  return (shared ??= Stand.start(makeState()));
}

/** Whether front refuses a deployment and the broker has its freeze. */
async function inFrontAndBroker(stand: Stand, name: string): Promise<[status: number, isFrozen: boolean]> {
  return [await front(stand, name), (await brokerHas(stand)).includes(name)];
}

async function front(stand: Stand, name: string): Promise<number> {
  return (await stand.ask(name, "/v1/count")).status;
}

test("freezing stops all three places, again keeps the words of the first, and thawing opens all three", async () => {
  const stand = await sharedStand();
  await stand.deploy("alpha");
  await stand.deploy("beta");
  const first = await freeze(stand, "alpha");
  assert.deepEqual([first.places, first.frozen?.by, first.frozen?.reason], [everywhere, "eve", "looks odd"]);
  assert.deepEqual((await freeze(stand, "alpha", { by: "mallory" })).frozen, first.frozen);
  assert.deepEqual([await front(stand, "alpha"), await front(stand, "beta")], [503, 200]);
  assert.deepEqual([await brokerHas(stand), await told(stand, "beta")], [["alpha"], ["pin"]]);
  assert.deepEqual(await listed(stand, "alpha"), everywhere);
  const thawed = await thaw(stand, "alpha");
  assert.equal(thawed.status, 200, JSON.stringify(thawed.body));
  assert.equal(freezeAnswer.parse(thawed.body).frozen, null);
  assert.deepEqual(
    [await front(stand, "alpha"), await brokerHas(stand), await listed(stand, "alpha")],
    [200, [], null],
  );
  assert.deepEqual(await told(stand, "alpha"), ["pin", "freeze", "freeze", "thaw"]);
  assert.equal((await thaw(stand, "alpha")).status, 200);
});

test("a gate that does not answer cannot keep itself from being frozen, nor be thawed", async () => {
  const stand = await sharedStand();
  await stand.deploy("mute", "ignores the freeze");
  const began = performance.now();
  const { places } = await freeze(stand, "mute");
  assert.ok(performance.now() - began < 8000, `${performance.now() - began} ms`);
  assert.deepEqual(places, { ...everywhere, ledger: "not reached yet" });
  assert.deepEqual(await inFrontAndBroker(stand, "mute"), [503, true]);
  const refused = await thaw(stand, "mute");
  assert.equal(problem.parse(refused.body).type, "urn:ambit:problem:not_thawed");
  assert.match(problem.parse(refused.body).detail, /no answer within 5000 ms.*it stays frozen/);
  assert.deepEqual(await inFrontAndBroker(stand, "mute"), [503, true]);
});

test("a gate that spins is frozen at once in the host's places, and told when it is back", async () => {
  const stand = await sharedStand();
  await stand.deploy("spinner");
  // Stopped is what a spinning event loop looks like from outside: alive, and deaf. One that spins is in chaos.test.ts.
  process.kill(await stand.serving("spinner"), "SIGSTOP");
  assert.deepEqual((await freeze(stand, "spinner")).places, { ...everywhere, ledger: "not reached yet" });
  assert.equal(await front(stand, "spinner"), 503);
  await until("its next life is told", async () => (await told(stand, "spinner")).includes("freeze"), 20_000);
  await until("it is said", async () => JSON.stringify(await listed(stand, "spinner")) === JSON.stringify(everywhere));
});

test("a broker and a gate that start again alone are told again before anything else of the deployment goes on", async () => {
  const stand = await sharedStand();
  await stand.deploy("again");
  await freeze(stand, "again");
  for (const victim of ["broker", "gate:again"]) {
    const { pid } = await stand.part(victim);
    process.kill(pid ?? -1, "SIGKILL");
    await until(`${victim} is back`, async () => {
      const now = await stand.part(victim);
      return now.state === "ready" && now.pid !== pid;
    });
  }
  await until("the broker has it", async () => (await brokerHas(stand)).includes("again"));
  await until("the gate has it", async () => (await told(stand, "again")).includes("freeze"));
  assert.equal(await front(stand, "again"), 503);
});

/** Held at a step, by whom: the supervisor is killed there. */
const steps: readonly (readonly [step: string, hold: (stand: Stand) => Promise<unknown>, purpose: string])[] = [
  ["told front, and waits for the broker", (stand) => askBroker(stand, "/deployments/alpha/deaf"), "be tested"],
  ["told front and broker, and waits for the Ledger", async () => undefined, "ignores the freeze"],
];

for (const [step, hold, purpose] of steps) {
  test(`SIGKILL of the supervisor that ${step} leaves the deployment frozen, then and after the next start`, async () => {
    const state = makeState();
    const first = await Stand.start(state);
    await first.deploy("alpha", purpose);
    await hold(first);
    const frozen = freeze(first, "alpha").catch(() => undefined);
    await until("front stops", () => !existsSync(findGatePlaces(first.places, "alpha").openMark));
    await delay(300);
    await first.kill();
    await frozen;
    const second = await Stand.start(state, first.port);
    assert.equal(await front(second, "alpha"), 503);
    await until("the broker has it", async () => (await brokerHas(second)).includes("alpha"));
    const { frozen: since } = await freeze(second, "alpha", { by: "later" });
    assert.equal(since?.by, "eve");
    await second.stop();
  });
}

test("killed right after the row was written, before anybody was told, the next start freezes it everywhere", async () => {
  const state = makeState();
  const first = await Stand.start(state);
  await first.deploy("alpha");
  await first.kill();
  const db = new DatabaseSync(first.places.registry);
  db.exec(`insert into frozen values ('alpha', 'eve', '', '2026-01-02T03:04:05.000Z', 0)`);
  db.close();
  const second = await Stand.start(state, first.port);
  assert.equal(await front(second, "alpha"), 503);
  await until("all have it", async () => JSON.stringify(await listed(second, "alpha")) === JSON.stringify(everywhere));
  assert.deepEqual(await brokerHas(second), ["alpha"]);
  await second.stop();
});

test("SIGKILL of a supervisor that thaws and waits for the broker leaves the deployment frozen", async () => {
  const state = makeState();
  const first = await Stand.start(state);
  await first.deploy("alpha");
  await freeze(first, "alpha");
  await askBroker(first, "/deployments/alpha/deaf");
  const thawed = thaw(first, "alpha").catch(() => undefined);
  await until("the gate is thawed", async () => (await told(first, "alpha")).includes("thaw"));
  await delay(100);
  await first.kill();
  await thawed;
  const second = await Stand.start(state, first.port);
  assert.equal(await front(second, "alpha"), 503);
  await until("all have it", async () => JSON.stringify(await listed(second, "alpha")) === JSON.stringify(everywhere));
  await second.stop();
});

test("a freeze that comes while a thaw is under way is the one that counts", async () => {
  const stand = await sharedStand();
  await stand.deploy("thawing", "ignores the freeze");
  await freeze(stand, "thawing");
  const thawing = thaw(stand, "thawing");
  await delay(200);
  await freeze(stand, "thawing");
  assert.equal((await thawing).status, 503);
  assert.deepEqual(await inFrontAndBroker(stand, "thawing"), [503, true]);
});

test("a release that comes while frozen runs and stays frozen, asks no tool server, and is pinned by the thaw", async () => {
  const stand = await sharedStand();
  await stand.deploy("newer");
  await freeze(stand, "newer");
  const body = { release: makeRelease("newer", "second") };
  const deployed = await stand.control("PUT", "/v1/deployments/newer", body);
  assert.equal(deployed.status, 200, JSON.stringify(deployed.body));
  assert.equal((deployed.body as { frozen: { by: string } }).frozen.by, "eve");
  assert.deepEqual(await inFrontAndBroker(stand, "newer"), [503, true]);
  await until("the new gate is told", async () => (await told(stand, "newer")).includes("freeze"));
  assert.ok(!(await told(stand, "newer")).includes("pin"));
  assert.equal((await thaw(stand, "newer")).status, 200);
  assert.deepEqual((await told(stand, "newer")).slice(-2), ["thaw", "pin"]);
  assert.equal(await front(stand, "newer"), 200);
});

test("a release whose tools cannot be pinned is not thawed", async () => {
  const stand = await sharedStand();
  await stand.deploy("unpinned");
  await freeze(stand, "unpinned");
  const body = { release: makeRelease("unpinned", "cannot pin") };
  assert.equal((await stand.control("PUT", "/v1/deployments/unpinned", body)).status, 200);
  const refused = await thaw(stand, "unpinned");
  assert.match(problem.parse(refused.body).detail, /pay_invoice is not listed by it.*it stays frozen/);
  assert.deepEqual(await inFrontAndBroker(stand, "unpinned"), [503, true]);
  assert.equal((await told(stand, "unpinned")).at(-1), "freeze");
  await stand.deploy("unpinned", "third");
  assert.equal((await thaw(stand, "unpinned")).status, 200);
});

test("a freeze that cannot be written stops all three places all the same, and says that it is not on disk", async () => {
  const state = makeState();
  const first = await Stand.start(state);
  await first.deploy("alpha");
  await first.stop();
  const db = new DatabaseSync(first.places.registry);
  db.exec("create trigger full before insert on frozen begin select raise(fail, 'disk is full'); end");
  db.close();
  const second = await Stand.start(state, first.port);
  await until("it serves", async () => (await front(second, "alpha")) === 200);
  const refused = await second.control("POST", "/v1/deployments/alpha/freeze", eve);
  assert.match(problem.parse(refused.body).detail, /alpha is stopped but that could not be written .*disk is full/);
  assert.deepEqual([refused.status, await front(second, "alpha")], [500, 503]);
  assert.deepEqual([await brokerHas(second), (await told(second, "alpha")).at(-1)], [["alpha"], "freeze"]);
  await second.stop();
});

test("a thaw that cannot be written leaves all three places frozen, and says why", async () => {
  const state = makeState();
  const before = await Stand.start(state);
  await before.deploy("alpha");
  await before.stop();
  const db = new DatabaseSync(before.places.registry);
  db.exec("create trigger full before delete on frozen begin select raise(fail, 'disk is full'); end");
  db.close();
  const stand = await Stand.start(state);
  await freeze(stand, "alpha");
  const refused = await thaw(stand, "alpha");
  assert.equal(refused.status, 503);
  assert.match(problem.parse(refused.body).detail, /could not be thawed .*disk is full.* stays frozen/);
  assert.deepEqual([await listed(stand, "alpha"), await brokerHas(stand)], [everywhere, ["alpha"]]);
  assert.equal((await told(stand, "alpha")).at(-1), "freeze");
  assert.equal(await front(stand, "alpha"), 503);
  await stand.stop();
});

test("a freeze that comes while a deploy is under way holds for the release that it brings", async () => {
  const stand = await sharedStand();
  await stand.deploy("deploying");
  const body = { release: makeRelease("deploying", "pins slowly") };
  const deploying = stand.control("PUT", "/v1/deployments/deploying", body);
  await delay(700);
  await freeze(stand, "deploying");
  const deployed = await deploying;
  assert.equal(deployed.status, 200, JSON.stringify(deployed.body));
  assert.equal((deployed.body as { frozen: { by: string } }).frozen.by, "eve");
  assert.deepEqual(await inFrontAndBroker(stand, "deploying"), [503, true]);
  await until(
    "all have it",
    async () => JSON.stringify(await listed(stand, "deploying")) === JSON.stringify(everywhere),
  );
  // The gate before may have been told as well, and it may have been told first.
  await until("the new gate is told", async () => (await told(stand, "deploying")).includes("freeze"));
});

test("a gate sees nothing of the mark that front looks at", async () => {
  const stand = await sharedStand();
  await stand.deploy("marked");
  const { openMark } = findGatePlaces(stand.places, "marked");
  assert.ok(existsSync(openMark));
  assert.match((await stand.ask("marked", "/v1/read", openMark)).body, /error/);
});

test("a gate that leaves everything unanswered that the operator asks cannot fill the way to the switch", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("mute", "ignores the freeze");
  let answered = 0;
  const asked = Array.from({ length: 100 }, () =>
    stand
      .control("POST", "/v1/deployments/mute/gate/control/freeze", {})
      .catch(() => ({ status: 0 }))
      .finally(() => answered++),
  );
  await until("all but 32 are turned away", () => answered >= 68);
  assert.deepEqual((await freeze(stand, "mute")).places, { ...everywhere, ledger: "not reached yet" });
  assert.equal(await front(stand, "mute"), 503);
  await stand.stop();
  const refused = (await Promise.all(asked)).filter(({ status }) => status === 503);
  assert.ok(refused.length >= 32, String(refused.length));
});
