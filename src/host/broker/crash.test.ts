// Kills a real broker at random moments around forwarded calls and compares what it says afterwards with what a real
// upstream counted: answered means that the upstream saw it exactly once, not forwarded means never.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, makeFolders, makeRelease, putRelease, startUpstream, type Folders } from "./fixtures/harness.ts";
import { bundleBroker, spawnBroker, type BrokerProcess } from "./fixtures/process.ts";

const rounds = 40;
const callsPerRound = 3;

interface Scene {
  readonly folders: Folders;
  readonly url: string;
  readonly count: (call: string) => number;
  readonly start: () => Promise<BrokerProcess>;
}

async function setUp(t: TestContext, delay: () => number): Promise<Scene> {
  const counts = new Map<string, number>();
  const up = await startUpstream(t, (request, response) => {
    const call = (request.url ?? "").slice(1);
    counts.set(call, (counts.get(call) ?? 0) + 1);
    const ms = delay();
    if (ms >= 0) setTimeout(() => response.end(`paid ${call}`), ms);
  });
  const folders = makeFolders(t, ["clerk"]);
  const file = bundleBroker(folders.root);
  const start = async (): Promise<BrokerProcess> => {
    const broker = await spawnBroker(file, folders);
    t.after(() => broker.child.kill("SIGKILL"));
    return broker;
  };
  return { folders, url: up.url, count: (call) => counts.get(call) ?? 0, start };
}

const send = ({ folders, url }: Scene, call: string): Promise<string> =>
  ask(folders.door("clerk"), `${url}/${call}`, { method: "POST", headers: { "x-ambit-call": call }, body: "{}" }).then(
    (reply) => reply.body,
    () => "gone",
  );
const outcome = async ({ folders }: Scene, call: string): Promise<Record<string, unknown> | undefined> =>
  (await ask(folders.door("clerk"), `http://outcome.internal/${call}`)).json;

async function kill({ child, ended }: BrokerProcess): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

test(
  `${rounds} kills at random moments: what the broker says of each call is true`,
  { timeout: 120_000 },
  async (t) => {
    const scene = await setUp(t, () => Math.random() * 8);
    const said: Record<string, number> = { answered: 0, not_forwarded: 0, unknown: 0 };
    let broker = await scene.start();
    await putRelease(scene.folders.control, makeRelease("clerk", Number(new URL(scene.url).port)));
    const all: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const calls = Array.from({ length: callsPerRound }, (_, index) => `call-${1000 + round}-${index}.1`);
      const replies = calls.map((call) => sleep(Math.random() * 10).then(() => send(scene, call)));
      // However busy the machine is, some kills fall before every call and some after an answer.
      if (round % 4 === 1) await Promise.race(replies);
      if (round % 4 !== 0) await sleep(Math.random() * 20);
      await kill(broker);
      const received = await Promise.all(replies);
      broker = await scene.start();
      for (const [index, call] of calls.entries()) {
        const result = await outcome(scene, call);
        const state = String(result?.["state"]);
        said[state] = (said[state] ?? 0) + 1;
        if (received[index] === `paid ${call}`)
          assert.equal(state, "answered", `${call} was answered and is now ${state}`);
        if (state === "answered") assert.deepEqual([scene.count(call), result?.["body"]], [1, `paid ${call}`], call);
        else if (state === "not_forwarded") assert.equal(scene.count(call), 0, call);
        else assert.ok(state === "unknown" && scene.count(call) <= 1, call);
        // Whatever became of it, it never leaves again under this key.
        const before = scene.count(call);
        assert.match(await send(scene, call), /call_already_forwarded/);
        assert.equal(scene.count(call), before);
      }
      all.push(...calls);
    }
    for (const call of all) assert.ok(scene.count(call) <= 1, call);
    t.diagnostic(JSON.stringify(said));
    assert.equal(
      (said["answered"] ?? 0) + (said["not_forwarded"] ?? 0) + (said["unknown"] ?? 0),
      rounds * callsPerRound,
    );
    assert.ok(
      (said["answered"] ?? 0) > 0 && (said["not_forwarded"] ?? 0) > 0,
      "the kills never fell before and after a call",
    );
  },
);

test("a kill while the upstream works on the call leaves it unknown, a kill after the answer does not", async (t) => {
  const waits = [-1, 0];
  const scene = await setUp(t, () => waits.shift() ?? 0);
  let broker = await scene.start();
  await putRelease(scene.folders.control, makeRelease("clerk", Number(new URL(scene.url).port)));
  const cut = send(scene, "call-0001.1");
  while (scene.count("call-0001.1") === 0) await sleep(2);
  await kill(broker);
  assert.equal(await cut, "gone");
  broker = await scene.start();
  assert.equal(await send(scene, "call-0002.1"), "paid call-0002.1");
  await kill(broker);
  broker = await scene.start();
  assert.deepEqual(await outcome(scene, "call-0001.1"), { state: "unknown" });
  assert.equal((await outcome(scene, "call-0002.1"))?.["state"], "answered");
  assert.deepEqual([scene.count("call-0001.1"), scene.count("call-0002.1")], [1, 1]);
});
