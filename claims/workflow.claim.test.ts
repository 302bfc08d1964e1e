// Control `workflow`, first form; its bounds and modes are claimed in workflow-*.ts. One switch freezes a deployment, in three
// places of which each is enough alone: so each test opens the other two behind the supervisor's back and asks for
// everything that a gate, its model or its users could want. And what a policy of the operator forbids does not run.
import { strict as assert } from "node:assert";
import { existsSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { askControl } from "../src/cli/ask-host.ts";
import { findGatePlaces } from "../src/host/supervisor/places.ts";
import { countNotes, lastRefusal, order, setRuledStage } from "./cedar-stage.ts";
import * as stand from "./freeze-stage.ts";
import { readNotes } from "./notes-stage.ts";
import { closeBounds } from "./workflow-bounds.ts";
import { closeModes } from "./workflow-modes.ts";

const { ambit, name, note, places } = stand;

after(stand.close);
after(closeModes);
after(closeBounds);

test("works at all: what is not frozen answers and acts, and does again after a freeze and a thaw", async () => {
  const small = await stand.open();
  assert.equal((await small.stage.client.say(note("before"))).state, "done");
  await stand.freeze();
  await stand.thaw();
  assert.equal((await small.stage.client.say(note("after"))).state, "done");
  assert.deepEqual(readNotes(small.stage), ["before", "after"]);
});

test("the command line freezes, says so wherever it shows the deployment, and knows no other name", async () => {
  const { stage } = await stand.open();
  const frozen = ambit("freeze", name, "--reason", "looks odd", "--by", "eve");
  assert.match(
    frozen.text,
    /FROZEN: switched, by eve at .*: looks odd\n {2}front frozen, broker frozen, Ledger frozen/,
  );
  assert.match(ambit("ls").text, /FROZEN: switched, by eve/);
  assert.match(ambit("status", name).text, /FROZEN: switched, by eve/);
  const chat = ambit("chat", name, "hello", "--token", stage.token, "--user", "amy");
  assert.deepEqual([chat.status, /FROZEN: switched, by eve[^]*this deployment is frozen/.test(chat.text)], [3, true]);
  assert.deepEqual([ambit("thaw", name).status, ambit("ls").text.includes("FROZEN")], [0, false]);
  const nobody = ambit("freeze", "nobody");
  assert.deepEqual([nobody.status, nobody.text], [1, "ambit: there is no deployment nobody: see ambit ls\n"]);
});

test("frozen at the front alone: nobody reaches it, and its gate is not asked", async () => {
  const { stage } = await stand.open();
  const before = readNotes(stage).length;
  await stand.freeze();
  await stand.tellLedger("thaw", { by: "mallory" });
  assert.equal(await stand.tellBroker("DELETE"), 204);
  assert.equal(await stand.say(note("front")), "503 urn:ambit:problem:frozen");
  assert.equal(readNotes(stage).length, before);
  await stand.thaw();
  assert.equal(await stand.say(note("front")), "200");
});

test("frozen at the broker alone: a gate that ignores the freeze gets nothing out, and heads and outcomes are still told", async () => {
  const small = await stand.open();
  const before = readNotes(small.stage).length;
  await stand.freeze();
  await stand.tellLedger("thaw", { by: "mallory" });
  writeFileSync(findGatePlaces(places, name).openMark, "");
  const { thread, turn } = await small.stage.client.send(note("broker"));
  await pause(300);
  assert.equal(await stand.askDoor("POST", small.tools, { "x-ambit-call": "call_00000001.1" }), "frozen");
  assert.equal(await stand.askDoor("POST", small.tools), "frozen");
  assert.equal(await stand.askDoor("POST", "http://model.internal/chat/completions"), "frozen");
  assert.equal(await stand.askDoor("POST", "http://records.internal/people"), "frozen");
  assert.equal(await stand.askDoor("GET", "http://outcome.internal/call_00000001.1"), "200");
  assert.notEqual(await stand.askDoor("POST", "http://sign.internal/head"), "frozen");
  assert.equal(readNotes(small.stage).length, before);
  await stand.thaw();
  // Its model is asked again, and now the broker lets it.
  assert.equal((await small.stage.client.follow(thread, turn)).state, "done");
  assert.equal(readNotes(small.stage).length, before + 1);
});

test("frozen at the Ledger alone: no message is taken, nobody can approve, and what was held can still be denied", async () => {
  const { stage } = await stand.open();
  const [one, two] = [await stand.held("one"), await stand.held("two")];
  await stand.tellLedger("freeze", stand.eve);
  assert.equal(await stand.say(note("ledger")), "503 urn:ambit:problem:frozen");
  assert.equal(await stand.decide(one, "approve"), 409);
  assert.equal(await stand.decide(two, "deny"), 200);
  await pause(300);
  assert.equal((await stage.client.follow(two.thread, two.turn)).state, "waiting");
  assert.ok(!readNotes(stage).includes("one") && !readNotes(stage).includes("two"));
  await stand.tellLedger("thaw", { by: "ops" });
  assert.equal(await stand.decide(one, "approve"), 200);
  for (const turn of [one, two]) assert.equal((await stand.end(turn)).state, "done");
  assert.deepEqual(
    [readNotes(stage).filter((text) => text === "one").length, readNotes(stage).includes("two")],
    [1, false],
  );
});

test("frozen at the Ledger alone: a turn that walks stops before its next step and says so; one that waits goes on thawed", async () => {
  const { stage } = await stand.open();
  // Its model turns it away twice, with a second to wait each time.
  const walking = await stage.client.send(`#429 ${note("walks")}`);
  const queued = await stage.client.send(note("queued"), walking.thread);
  await pause(200);
  await stand.tellLedger("freeze", stand.eve);
  const stopped = await stage.client.follow(walking.thread, walking.turn);
  assert.deepEqual([stopped.state, stopped.reply], ["failed", "I stopped: this deployment is frozen by its operator."]);
  await pause(300);
  const { status } = await fetch(`${stage.url}/d/${name}/v1/threads/${queued.thread}/turns/${queued.turn}?user=amy`, {
    headers: { authorization: `Bearer ${stage.token}` },
  });
  const ran = () => ["walks", "queued"].map((text) => readNotes(stage).includes(text));
  assert.deepEqual([status, ...ran()], [200, false, false]);
  await stand.tellLedger("thaw", { by: "ops" });
  assert.equal((await stage.client.follow(queued.thread, queued.turn)).state, "done");
  assert.equal(ran()[1], true);
});

test("frozen and thawed by the switch: what waited meanwhile is answered, whichever place opens first", async () => {
  const { stage } = await stand.open();
  const walking = await stage.client.send(`#429 ${note("first")}`);
  const queued = await stage.client.send(note("second"), walking.thread);
  await pause(200);
  await stand.freeze();
  await pause(1500);
  await stand.thaw();
  // Stopped by the freeze, or slower than it.
  assert.match((await stage.client.follow(walking.thread, walking.turn)).state, /^(?:failed|done)$/);
  assert.equal((await stage.client.follow(queued.thread, queued.turn)).state, "done");
  assert.ok(readNotes(stage).includes("second"));
});

test("who froze and thawed stands in the chains of the gate, the broker and the operator", async () => {
  const { stage } = await stand.open();
  await stand.freeze();
  await stand.thaw();
  const read = async (path: string) => {
    const { body } = await askControl(stand.state.folder, "GET", `/v1/deployments/${name}/${path}`);
    return (body as { entries: { entry: { event: string; detail: object } }[] }).entries.map(({ entry }) => entry);
  };
  const chains = [await read("gate/control/audit?after=0"), await read("audit/admin"), await read("audit/broker")];
  for (const chain of chains) {
    const events = chain.map(({ event }) => event).filter((event) => event === "frozen" || event === "thawed");
    assert.deepEqual(events.slice(-2), ["frozen", "thawed"]);
  }
  const [gate, admin] = chains.map((chain) => chain.findLast(({ event }) => event === "frozen")?.detail);
  assert.deepEqual(admin, { by: "eve", reason: "looks odd" });
  assert.deepEqual({ ...gate, since: "" }, { by: "eve", reason: "looks odd", since: "" });
  assert.ok(existsSync(findGatePlaces(places, stage.name).openMark));
});

test("what a policy of the operator forbids does not run, and the agent is told why; what it fails to judge does not either", async () => {
  const ruled = await setRuledStage(stand.state.folder, (await stand.open()).stage.host);
  try {
    const say = async (text: string) => (await ruled.stage.client.say(order("note", text))).reply;
    assert.match(await say("plain"), /note: done/);
    assert.match(await say("overflow"), /policy "too-far" \(line 9\) failed: integer overflow/);
    assert.deepEqual(await lastRefusal(ruled), ["policy_failed", "policy.cedar"]);
    assert.match(await say("a secret"), /forbidden by policy "no-secrets" .*: notes with a secret in them are not for/);
    assert.deepEqual(await lastRefusal(ruled), ["forbidden_by_policy", "policy.cedar"]);
    assert.deepEqual(
      ["plain", "overflow", "a secret"].map((text) => countNotes(ruled, text)),
      [1, 0, 0],
    );
  } finally {
    await ruled.stage.stop();
  }
});
