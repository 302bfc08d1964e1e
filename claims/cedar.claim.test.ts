// Control `workflow`: the operator's own policies in Cedar, in a running gate. They can only forbid: what the deployment file
// refuses stays refused whatever a policy permits, a policy that fails refuses, and one that could never work is not deployed.
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import type { ApprovalView, Problem, TurnAnswer } from "../src/controls/wire/gate.ts";
import { node, root } from "../src/cli/child.ts";
import { putRelease } from "../src/cli/put-release.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { startHost, type RunningHost } from "../src/cli/host-process.ts";
import { loadRelease } from "../src/cli/load-release.ts";
import { findPlaces } from "../src/host/supervisor/places.ts";
import { freshState } from "./fresh-state.ts";
import { countNotes, lastRefusal, order, policy, setRuledStage } from "./cedar-stage.ts";
import type { SmallStage } from "./small-stage.ts";

const state = freshState();
let small: SmallStage;
let listen: string;
let host: RunningHost;

before(async () => {
  listen = await findFreeAddress();
  host = await startHost({ state: state.folder, listen }, () => undefined);
  small = await setRuledStage(state.folder, host);
});

after(async () => {
  await small?.stage.stop();
  await host?.stop();
  state.remove();
});

test("works at all: a call that no policy forbids runs", async () => {
  assert.match((await say("note", "plain")).reply, /note: done/);
  assert.equal(count("plain"), 1);
});

test("a forbidden call does not run, and the agent is told the reason as data", async () => {
  const { reply } = await say("note", "a secret");
  assert.match(reply, /forbidden by policy "no-secrets" \(policy\.cedar:4\): notes with a secret in them are not for/);
  // What a policy says stays one line: it cannot speak as Ambit.
  assert.ok(!/^\[ambit\] allowed/m.test(reply), reply);
  assert.equal(count("a secret"), 0);
  assert.deepEqual(await lastRefusal(small), ["forbidden_by_policy", "policy.cedar"]);
});

test("a permit widens nothing: what the deployment file refuses stays refused", async () => {
  await say("note", "other");
  assert.equal(count("other"), 0);
  assert.deepEqual(await lastRefusal(small), ["value_not_allowed", "text"]);
});

test("a policy that fails while it is asked refuses", async () => {
  await say("note", "plain");
  const { reply } = await say("note", "overflow");
  assert.match(reply, /policy "too-far" \(line 9\) failed: integer overflow/);
  assert.equal(count("overflow"), 0);
  assert.deepEqual(await lastRefusal(small), ["policy_failed", "policy.cedar"]);
});

test("an approved call is asked about again, with who approved it", async () => {
  assert.match((await announce("by cem", "cem")).reply, /dora has to look at an announcement of bob/);
  assert.equal(count("by cem"), 0);
  assert.match((await announce("by dora", "dora")).reply, /announce: done/);
  assert.equal(count("by dora"), 1);
});

test("policy explain names the policy as the rule that decides, with its reason", () => {
  const file = join(small.stage.erpFile, "args.json");
  const explain = (text: string) => {
    writeFileSync(file, JSON.stringify({ text }));
    const words = ["policy", "explain", "ruled", "note", file, "--user", "amy", "--json", "--state", state.folder];
    const { stdout } = spawnSync(node, [`${root}src/cli/main.ts`, ...words], { encoding: "utf8" });
    const { verdict, decidedBy, message } = JSON.parse(stdout) as Record<string, string>;
    return [verdict, decidedBy, message];
  };
  const [verdict, rule, message] = explain("a secret");
  assert.deepEqual([verdict, rule], ["refuse", "policy"]);
  assert.match(message ?? "", /forbidden by policy "no-secrets" .*: notes with a secret in them are not for/);
  assert.equal(explain("plain")[0], "run");
});

test("a release that names a policy file and brings no policies, or the other way round, is refused", async () => {
  const { release: whole } = loadRelease(writePolicy(policy));
  const { release: _hash, ...parts } = whole;
  const { policy: _file, ...unnamed } = parts.manifest;
  for (const half of [
    { ...parts, policy: null },
    { ...parts, manifest: unnamed },
  ]) {
    const body = { release: { ...half, release: hashRelease(half) } };
    const answer = await askControl(state.folder, "PUT", "/v1/deployments/ruled", { body });
    assert.deepEqual([answer.status, (answer.body as Problem).field], [422, "release.policy"]);
  }
});

/** One word changed in the policy that is deployed; what deploy says then. */
const unusable: readonly (readonly [name: string, find: string, replace: string, words: RegExp])[] = [
  [
    "an unknown argument",
    "context.args.text like",
    "context.args.txt like",
    /policy\.cedar:7:8: .*did you mean `text`\?/,
  ],
  [
    "an unknown attribute",
    "context.day_calls",
    "context.day_call",
    /policy\.cedar:11:43: .*did you mean `day_calls`\?/,
  ],
  [
    "a wrong type",
    `text like "*secret*"`,
    "text > 5",
    /policy\.cedar:7:8: unexpected type: expected Long but saw String/,
  ],
  ["an unknown tool", `Action::"note"`, `Action::"notes"`, /policy\.cedar:6:29: .*did you mean `Action::"note"`\?/],
  ["no end", "context.user_calls - 9 };", "context.user_calls - 9 }", /policy\.cedar:13:1: /],
  [
    "deep nesting",
    `like "*secret*"`,
    `like "*secret*" && ${"(".repeat(500)}`,
    /policy\.cedar:7:.*more than 24 brackets/,
  ],
];

test("a policy that could never work is not deployed, and the release before goes on", async () => {
  for (const [name, find, replace, words] of unusable) {
    const answer = await deploy(policy.replace(find, replace));
    assert.equal(answer.status, 422, name);
    assert.match(JSON.stringify(answer.body).replaceAll('\\"', '"'), words, name);
  }
  await say("note", "plain");
  await say("note", "a secret");
  assert.deepEqual([count("a secret"), await lastRefusal(small)], [0, ["forbidden_by_policy", "policy.cedar"]]);
});

test("check says the same before, and what it cannot know", () => {
  const check = (text: string) => {
    const file = writePolicy(text);
    const { status, stdout, stderr } = spawnSync(node, [`${root}src/cli/main.ts`, "check", file], { encoding: "utf8" });
    return { status, said: stdout + stderr };
  };
  const broken = check(policy.replace("context.args.text like", "context.args.txt like"));
  assert.equal(broken.status, 1);
  assert.match(broken.said, /policy\.cedar:7:8: .*did you mean `text`\?/);
  const fine = check(policy);
  assert.equal(fine.status, 0, fine.said);
  assert.match(fine.said, /warning: policy\.cedar:2:1: a permit changes nothing/);
  assert.match(fine.said, /4 policies fit this file; the types of arguments are checked by deploy/);
  const large = check(`${policy}//${"x".repeat(1_048_576)}`);
  assert.equal(large.status, 1);
  assert.match(large.said, /^ambit: policy: .*policy\.cedar has \d+ bytes; at most 262144 are read\n$/);
});

test("after a restart of the whole host the policies hold from the first call on", async () => {
  assert.equal((await deploy(policy)).status, 200);
  await host.stop();
  host = await startHost({ state: state.folder, listen }, () => undefined);
  assert.match((await say("note", "a secret")).reply, /forbidden by policy "no-secrets"/);
  assert.match((await say("note", "plain")).reply, /note: done/);
  assert.equal(count("a secret"), 0);
});

test("without its policy file the deployment runs without Cedar", async () => {
  assert.match(readConfig(), /cedar\.wasm/);
  const file = writePolicy(policy);
  writeFileSync(file, readFileSync(file, "utf8").replace("policy: ./policy.cedar", ""));
  assert.equal((await put(file)).status, 200);
  assert.doesNotMatch(readConfig(), /cedar/);
  await say("note", "a secret");
  assert.equal(count("a secret"), 1);
});

/** A message whose turn asks for one call. */
function say(tool: string, text: string): Promise<TurnAnswer> {
  return small.stage.client.say(order(tool, text));
}

/** Bob announces something, and one person approves it. */
async function announce(text: string, by: string): Promise<TurnAnswer> {
  const bob = new ChannelClient(small.stage.url, "ruled", small.stage.token, "bob");
  const turn = await bob.say(order("announce", text));
  assert.equal(turn.state, "waiting", turn.reply);
  const path = `control/approvals/${turn.held[0]?.callId ?? ""}`;
  const { actionHash } = await small.stage.ask<ApprovalView>("GET", path);
  await small.stage.ask("POST", path, { decision: "approve", actionHash, by });
  return endOf(bob, turn);
}

async function endOf(client: ChannelClient, { thread, turn }: TurnAnswer): Promise<TurnAnswer> {
  for (let left = 100; left > 0; left--) {
    const now = await client.follow(thread, turn);
    if (now.state !== "waiting") return now;
    await pause(100);
  }
  return assert.fail("the turn did not end");
}

function count(text: string): number {
  return countNotes(small, text);
}

/** Puts a policy beside the deployment file and returns that file's path. */
function writePolicy(text: string): string {
  writeFileSync(join(small.stage.erpFile, "policy.cedar"), text);
  return join(small.stage.erpFile, "agent.yaml");
}

function deploy(text: string) {
  return put(writePolicy(text));
}

function put(file: string) {
  const { release } = loadRelease(file);
  return putRelease(state.folder, release);
}

/** The configuration that the gate runs with. */
function readConfig(): string {
  const { configs } = findPlaces(state.folder, process.getuid?.() ?? 0, process.env);
  const folder = join(configs, "ruled");
  const [file = ""] = readdirSync(folder).filter((name) => name.endsWith(".capnp"));
  return readFileSync(join(folder, file), "utf8");
}
