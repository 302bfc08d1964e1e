// Control `redeploys`: a deploy shows the authority it adds, growth needs a second look, and a bad release rolls back in one
// command. Real releases of one deployment, deployed over the real control socket and once over the real command line; what a
// release could do is read from the tool server's own notes, and which release answered from the model's own server.
// Longer than 300 lines because all of it stands on one host.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ProposalDecided } from "../src/controls/wire/control.ts";
import type { ApprovalList, TurnAnswer } from "../src/controls/wire/gate.ts";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import type { Release } from "../src/controls/manifest/release.ts";
import type { Manifest } from "../src/controls/manifest/schema.ts";
import type { removeAnswer } from "../src/controls/wire/releases.ts";
import { node, root } from "../src/cli/child.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { loadRelease } from "../src/cli/load-release.ts";
import { findGroups } from "../src/host/supervisor/fixtures/stand.ts";
import { findPlaces } from "../src/host/supervisor/places.ts";
import type { z } from "zod";
import { deployUnderLoad } from "./deploys-under-load.ts";
import { sayJson, sayWords, wholeAnswer, wishOnce } from "./hostile-model.ts";
import { rebuild } from "./hostile-stage.ts";
import { instructionsOf, ReleasesStage, withInstructions } from "./releases-stage.ts";

let stage: ReleasesStage;
before(async () => {
  stage = await ReleasesStage.open("changing");
});
after(() => stage.close());

const host: Manifest["egress"]["allow"] = ["https://api.example/v1/*"];
const wider = (from: Release): Release =>
  rebuild(from, (manifest) => ({ ...manifest, egress: { ...manifest.egress, allow: host } }));
const withPeople = (from: Release, count = 1): Release =>
  rebuild(from, (manifest) => ({
    ...manifest,
    approvers: { owners: ["amy@acme.example", "bob@acme.example", "cem@acme.example"] },
    redeploys: { by: "owners", count },
  }));
const reviewed = (from: Release): Release =>
  rebuild(from, (manifest) => {
    const server = manifest.servers["under-test"];
    const note = server?.tools["note"];
    assert.ok(server && note);
    const tools = { note: { ...note, impact: "spend" as const } };
    return { ...manifest, servers: { "under-test": { ...server, tools } } };
  });

/** Every test begins with the first release. */
async function reset(): Promise<void> {
  const { status, body } = await stage.deployAnyway(stage.release, 0);
  if (status === 202) await decide(body.release ?? "", "approve", "cem@acme.example");
  assert.deepEqual(await stage.runs(), [stage.release.release, stage.release.release]);
}

async function decide(release: string, decision: "approve" | "deny", by: string) {
  const { status, body } = await stage.ask("POST", `/proposals/${release}`, { decision, by });
  return { status, body: body as Partial<ProposalDecided> & { type?: string; detail?: string } };
}

test("works at all: a release without growth runs at once, and the next message is answered by it", async () => {
  await reset();
  const next = withInstructions(stage.release, "release 1");
  const { status, body } = await stage.deploy(next);
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(
    body.authority?.changed.map(({ kind }) => kind),
    ["instructions"],
  );
  stage.model.when("hello 1", (response, request) => sayWords(instructionsOf(request))(response, request));
  assert.equal((await stage.client.say("hello 1")).reply, "release 1");
});

test("growth that nobody accepted is refused with the difference, and the release before goes on", async () => {
  await reset();
  const { status, body } = await stage.deploy(wider(stage.release));
  assert.deepEqual([status, body.type], [409, "urn:ambit:problem:authority_grew"]);
  assert.deepEqual(
    body.authority?.grew.map(({ kind, subject }) => [kind, subject]),
    [["host", host[0]]],
  );
  assert.match(body.detail ?? "", /host https:\/\/api\.example\/v1\/\*/);
  assert.deepEqual(await stage.runs(), [stage.release.release, stage.release.release]);
});

test("whoever accepted another difference is refused; of this one it runs", async () => {
  await reset();
  const refused = await stage.deploy(wider(stage.release));
  const other = await stage.deploy(wider(withInstructions(stage.release, "release 2")), refused.body.authority?.hash);
  assert.deepEqual([other.status, other.body.type], [409, "urn:ambit:problem:authority_grew"]);
  const right = await stage.deploy(wider(stage.release), refused.body.authority?.hash);
  assert.equal(right.status, 200, JSON.stringify(right.body));
  const back = await stage.deploy(stage.release);
  assert.equal(back.status, 200, "what only shrinks needs no word");
  assert.equal((await stage.deploy(wider(stage.release), "0".repeat(64))).status, 409);
});

test("the command line shows what grew and stops with 3, and with --yes it deploys", async () => {
  await reset();
  const file = join(stage.small.stage.erpFile, "changing.yaml");
  writeFileSync(file, JSON.stringify(wider(stage.release).manifest));
  writeFileSync(join(stage.small.stage.erpFile, "instructions.md"), stage.release.instructions);
  const stopped = cli(["deploy", file]);
  assert.equal(stopped.status, 3, stopped.stderr);
  assert.match(stopped.stdout, /\n {2}\+ host https:\/\/api\.example\/v1\/\*: requests may go there\n/);
  assert.deepEqual(await stage.runs(), [stage.release.release, stage.release.release]);
  const diff = cli(["diff", file]);
  assert.deepEqual([diff.status, /\+ host https:\/\/api\.example/.test(diff.stdout)], [0, true]);
  const deployed = cli(["deploy", file, "--yes"]);
  assert.equal(deployed.status, 0, deployed.stderr);
  const back = cli(["rollback", "changing"]);
  assert.match(back.stdout, /- host https:\/\/api\.example\/v1\/\*: no more/);
  assert.deepEqual(await stage.runs(), [stage.release.release, stage.release.release]);
});

test("an overlay that widens is deployed by nobody; one that narrows needs no word, and without it more has to be accepted", async () => {
  await reset();
  const folder = stage.small.stage.erpFile;
  const [file, customer] = [join(folder, "overlaid.yaml"), join(folder, "customer.yaml")];
  const { manifest } = stage.release;
  const steps = manifest.limits.steps_per_turn;
  writeFileSync(join(folder, "instructions.md"), stage.release.instructions);
  writeFileSync(file, JSON.stringify({ ...manifest, overlays: ["./customer.yaml"] }));
  writeFileSync(customer, "limits: { steps_per_turn: 3 }");
  const { release } = loadRelease(file);
  const narrowed = cli(["deploy", file]);
  assert.equal(narrowed.status, 0, narrowed.stderr);
  assert.ok(
    narrowed.stdout.includes(`\n  - limit steps_per_turn: ${steps} -> 3 (overlay ./customer.yaml)`),
    narrowed.stdout,
  );
  assert.deepEqual(await stage.runs(), [release.release, release.release]);

  writeFileSync(customer, `limits: { steps_per_turn: ${steps + 1} }`);
  const wide = cli(["deploy", file, "--yes"]);
  assert.equal(wide.status, 1, wide.stdout);
  assert.match(wide.stderr, /customer\.yaml:1:11: limits\.steps_per_turn: an overlay can only narrow/);
  // Straight to the host, past the command line: the texts narrow and the manifest does not, or the texts do not either.
  const loose = rebuild(release, ({ limits, ...rest }) => ({ ...rest, limits: { ...limits, steps_per_turn: steps } }));
  const { release: _hash, ...parts } = rebuild(release, ({ limits, ...rest }) => ({
    ...rest,
    limits: { ...limits, steps_per_turn: steps + 1 },
  }));
  assert.ok(parts.overlaid);
  const files = [{ file: "./customer.yaml", text: `limits: { steps_per_turn: ${steps + 1} }` }];
  const widened = { ...parts, overlaid: { ...parts.overlaid, files } };
  for (const bad of [loose, { ...widened, release: hashRelease(widened) }]) {
    const { status, body } = await stage.deployAnyway(bad);
    assert.deepEqual([status, body.type], [422, "urn:ambit:problem:wrong_overlays"]);
  }
  assert.deepEqual(await stage.runs(), [release.release, release.release]);

  writeFileSync(file, JSON.stringify(manifest));
  const without = cli(["deploy", file]);
  assert.equal(without.status, 3, without.stdout);
  assert.ok(without.stdout.includes(`+ limit steps_per_turn: 3 -> ${steps}`), without.stdout);
  assert.equal(cli(["deploy", file, "--yes"]).status, 0);
});

test("where the running release asks for a second person, growth waits for one who is not who proposed it", async () => {
  await reset();
  const guarded = withPeople(stage.release);
  assert.equal((await stage.deployAnyway(guarded)).status, 200);
  const grown = wider(guarded);
  const proposed = await stage.deployAnyway(grown, undefined, "amy@acme.example");
  assert.deepEqual([proposed.status, proposed.body.state], [202, "open"]);
  assert.deepEqual(await stage.runs(), [guarded.release, guarded.release]);
  const own = await decide(grown.release, "approve", "Amy@ACME.example ");
  assert.deepEqual([own.status, own.body.type], [403, "urn:ambit:problem:requester_cannot_approve"]);
  const stranger = await decide(grown.release, "approve", "eve@acme.example");
  assert.deepEqual([stranger.status, stranger.body.type], [403, "urn:ambit:problem:not_an_approver"]);
  assert.deepEqual(await stage.runs(), [guarded.release, guarded.release]);
  const agreed = await decide(grown.release, "approve", "bob@acme.example");
  assert.equal(agreed.status, 200, JSON.stringify(agreed.body));
  assert.deepEqual(await stage.runs(), [grown.release, grown.release]);
});

test("two who must agree are two, a denial ends it, and another release in between voids it", async () => {
  await reset();
  const guarded = withPeople(stage.release, 2);
  assert.equal((await stage.deployAnyway(guarded)).status, 200);
  const grown = wider(guarded);
  const propose = () => stage.deployAnyway(grown, undefined, "amy@acme.example");
  assert.equal((await propose()).status, 202);
  assert.equal((await decide(grown.release, "approve", "bob@acme.example")).body.deployed, null);
  assert.equal((await decide(grown.release, "approve", "BOB@acme.example")).status, 403, "one person counts once");
  assert.equal((await decide(grown.release, "deny", "cem@acme.example")).body.proposal?.state, "denied");
  assert.equal((await decide(grown.release, "approve", "cem@acme.example")).status, 409);
  assert.equal((await propose()).status, 202);
  assert.equal((await stage.deploy(withInstructions(guarded, "release 3"))).status, 200);
  const late = await decide(grown.release, "approve", "bob@acme.example");
  assert.deepEqual([late.status, /is void/.test(late.body.detail ?? "")], [409, true]);
  // Taking the rule away is growth as well, and so is asking fewer people.
  assert.equal((await stage.deployAnyway(stage.release, undefined, "amy@acme.example")).status, 202);
  assert.equal((await stage.deployAnyway(withPeople(stage.release), undefined, "amy@acme.example")).status, 202);
  await decide(stage.release.release, "approve", "bob@acme.example");
  assert.equal((await decide(stage.release.release, "approve", "cem@acme.example")).status, 200);
});

test("a rollback brings back what ran before in one command, and voids and counts what was held", async () => {
  await reset();
  const held = reviewed(stage.release);
  assert.equal((await stage.deployAnyway(held)).status, 200);
  const turn = await askForNote("rolled back");
  assert.equal(turn.state, "waiting");
  const back = await stage.rollback({ by: "amy" });
  assert.equal(back.status, 200, JSON.stringify(back.body));
  assert.deepEqual([back.body.release, back.body.voided], [stage.release.release, 1]);
  const ended = await stage.client.follow(turn.thread, turn.turn);
  assert.deepEqual([ended.state, /refused \(voided\)/.test(ended.reply)], ["failed", true]);
  const { approvals } = await stage.get<ApprovalList>("/gate/control/approvals");
  assert.deepEqual(approvals, []);
  assert.equal(stage.notes().includes("rolled back"), false);
  // Growth beside the bad release, and still no word needed: it ran, and was accepted then.
  const forth = await stage.rollback({ release: held.release.slice(0, 12) });
  assert.equal(forth.status, 200, JSON.stringify(forth.body));
  const never = await stage.rollback({ release: wider(held).release });
  assert.equal(never.status, 404, "what never ran is no way back");
});

test("a release whose tool is missing is refused, and the one before serves on with its own text", async () => {
  await reset();
  const bad = rebuild(stage.release, (manifest) => {
    const server = manifest.servers["under-test"];
    assert.ok(server);
    const tools = { missing: { ...server.tools["note"], effect: "read" as const } };
    return { ...manifest, servers: { "under-test": { ...server, tools } } } as Manifest;
  });
  const { status, body } = await stage.deployAnyway(bad);
  assert.equal(status, 422, JSON.stringify(body));
  assert.match(body.detail ?? "", /missing.*the release before it runs again/);
  assert.deepEqual(await stage.runs(), [stage.release.release, stage.release.release]);
  const [last] = (await stage.history()).releases;
  assert.deepEqual([last?.release, last?.running], [bad.release, false]);
  assert.match(last?.outcome ?? "", /missing/);
});

test("a turn that outlasts the drain ends with words, is not continued by the next release, and its call ran once", async () => {
  await reset();
  const text = "slow turn";
  const call = wishOnce([{ name: "note", arguments: JSON.stringify({ text }) }]);
  const begun = Promise.withResolvers<void>();
  stage.model.when(text, (response, request) => {
    // The second step never gets its answer in time.
    if (request.messages.at(-1)?.role !== "tool") return call(response, request);
    begun.resolve();
    setTimeout(() => sayJson(response, wholeAnswer({ role: "assistant", content: "late" })), 8000).unref();
  });
  const sent = await stage.client.send(text);
  await begun.promise;
  const queued = await stage.client.send("after it", sent.thread);
  stage.model.when("after it", (response, request) => sayWords(instructionsOf(request))(response, request));
  const next = withInstructions(stage.release, "release 4");
  const { status } = await stage.deployAnyway(next, 200);
  assert.equal(status, 200);
  const ended = await stage.client.follow(sent.thread, sent.turn);
  assert.deepEqual(
    [ended.state, /a new release replaced the one that I worked under/.test(ended.reply)],
    ["failed", true],
  );
  assert.equal((await stage.client.follow(queued.thread, queued.turn)).reply, "release 4");
  assert.deepEqual(new Set(stage.askedBy(text)), new Set(["release 0"]));
  assert.equal(stage.notes().filter((note) => note === text).length, 1);
});

test("under load no accepted message is lost and none is answered by two releases", async () => {
  await reset();
  const result = await deployUnderLoad(stage, 4, 4, () => undefined);
  assert.deepEqual(result.faults, []);
  assert.equal(result.answered, result.messages);
});

/** A stop is taken before the gate is told: messages up to then are walked, and the first that is not shows that it was. */
async function sendUntilQueued() {
  for (let n = 1; n <= 20; n++) {
    const late = `came while it stopped (${n})`;
    stage.model.when(late, sayWords("later"));
    const queued = await stage.client.send(late);
    for (let waited = 0; waited < 500 && stage.askedBy(late).length === 0; waited += 25) await pause(25);
    if (stage.askedBy(late).length === 0) return { late, queued };
  }
  throw new Error("turns start although it was stopped");
}

test("a stop lets a turn that walks end and starts none; what is held or came meanwhile goes on after the start", async () => {
  await reset();
  assert.equal((await stage.deployAnyway(reviewed(stage.release))).status, 200);
  const held = await askForNote("held over a stop");
  const slow = "slow over a stop";
  const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  stage.model.when(slow, (response, request) => {
    begun.resolve();
    void go.promise.then(() => sayWords("slowly")(response, request));
  });
  const walking = await stage.client.send(slow);
  await begun.promise;
  const { ended } = await stage.stop(20_000);
  const tooSoon = ended.then(() => Promise.reject(new Error("it ended while a turn walked")));
  const { late, queued } = await Promise.race([sendUntilQueued(), tooSoon]);
  tooSoon.catch(() => undefined);
  go.resolve();
  await ended;
  assert.deepEqual([stage.askedBy(slow).length, stage.askedBy(late).length], [1, 0]);
  assert.deepEqual(leftOver(), []);
  await stage.startAgain();
  assert.equal((await stage.client.follow(walking.thread, walking.turn)).reply, "slowly");
  assert.equal(stage.askedBy(slow).length, 1, "it ended before the stop and was not walked again");
  assert.equal((await stage.client.follow(queued.thread, queued.turn)).reply, "later");
  const { approvals } = await stage.get<ApprovalList>("/gate/control/approvals");
  const [call] = approvals;
  assert.ok(call?.callId === held.held[0]?.callId && call && !stage.notes().includes("held over a stop"));
  const decision = { decision: "approve", by: "bob", actionHash: call.actionHash };
  const approved = await stage.ask("POST", `/gate/control/approvals/${call.callId}`, decision);
  assert.equal(approved.status, 200, JSON.stringify(approved.body));
  assert.equal((await stage.client.follow(held.thread, held.turn)).state, "done");
  assert.equal(stage.notes().filter((note) => note === "held over a stop").length, 1);
});

test("a second word ends all at once: the turn is parked, its call ran once, and the next start goes on with it", async () => {
  await reset();
  const text = "parked by a stop";
  const call = wishOnce([{ name: "note", arguments: JSON.stringify({ text }) }]);
  const begun = Promise.withResolvers<void>();
  stage.model.when(text, (response, request) => {
    // The second step never gets an answer.
    if (request.messages.at(-1)?.role === "tool") begun.resolve();
    else call(response, request);
  });
  const sent = await stage.client.send(text);
  await begun.promise;
  const { pid, ended } = await stage.stop(30_000);
  // Words that come together are one: a terminal and a service manager tell the whole group.
  process.kill(pid, "SIGTERM");
  await pause(700);
  assert.ok(existsSync(`/proc/${pid}`), "it still waits for the turn");
  process.kill(pid, "SIGTERM");
  await ended;
  assert.deepEqual(leftOver(), []);
  stage.model.when(text, sayWords("after the start"));
  await stage.startAgain();
  assert.equal((await stage.client.follow(sent.thread, sent.turn)).reply, "after the start");
  assert.equal(stage.notes().filter((note) => note === text).length, 1);
});

test("what is removed leaves its sealed chains, and a later one of the name begins without it", async () => {
  await reset();
  const thread = "mine";
  stage.model.when("remember me", sayWords("yes"));
  await stage.client.say("remember me", thread);
  assert.equal((await stage.ask("DELETE", "", { confirm: "other" })).status, 422);
  const { status, body } = await stage.ask("DELETE", "", { confirm: stage.name });
  assert.equal(status, 200, JSON.stringify(body));
  const { kept, notSealed } = body as z.infer<typeof removeAnswer>;
  assert.ok(kept !== null && notSealed === null, notSealed ?? "");
  const lines = readFileSync(kept, "utf8").split("\n");
  assert.ok(lines.some((line) => line.includes('"turn_opened"') && line.includes('"chain":"gate"')));
  const verified = cli(["audit", "verify", kept]);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  assert.equal((await stage.ask("GET", "/releases")).status, 404);
  const again = await stage.deploy(stage.release);
  assert.equal(again.status, 200, JSON.stringify(again.body));
  const client = new ChannelClient(stage.small.stage.url, stage.name, again.body.token ?? "", "amy");
  stage.model.when("who am I", (response, request) => {
    const isKnown = request.messages.some(({ content }) => String(content).includes("remember me"));
    sayWords(isKnown ? "I remember" : "a stranger")(response, request);
  });
  assert.equal((await client.say("who am I", thread)).reply, "a stranger");
  const live = cli(["audit", "verify", stage.name]);
  assert.equal(live.status, 0, live.stdout + live.stderr);
  assert.ok(existsSync(kept));
});

/** What is still there of a host that has ended: processes, sockets, groups, mounts. */
function leftOver(): string[] {
  const { id, run, state } = findPlaces(stage.state, process.getuid?.() ?? -1, process.env);
  const commands = readdirSync("/proc").filter(
    (name) => /^[0-9]+$/.test(name) && namesFolder(name, [run, `${state}/`]),
  );
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...commands.map((pid) => `process ${pid}`),
    ...(existsSync(run) ? readdirSync(run) : []),
    ...findGroups(id),
    ...mounts.filter((line) => line.includes(run) || line.includes(state)),
  ];
}

function namesFolder(pid: string, folders: readonly string[]): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return folders.some((folder) => command.includes(folder));
  } catch {
    return false;
  }
}

/** A message whose turn asks for one note. */
function askForNote(text: string): Promise<TurnAnswer> {
  stage.model.when(text, wishOnce([{ name: "note", arguments: JSON.stringify({ text }) }]));
  return stage.client.say(text);
}

function cli(args: string[]) {
  const words = [`${root}src/cli/main.ts`, ...args, "--state", stage.state];
  return spawnSync(node, words, { encoding: "utf8", timeout: 30_000 });
}
