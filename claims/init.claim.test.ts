// What `./ambit init` writes runs as it was written: typed as a person would, on a real host, with a real tool server and
// with none. Which controls hold there has claims of its own; this one is about the first file that somebody deploys.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readDirectory } from "../examples/access-desk/directory/schema.ts";
import { startDirectory } from "../examples/access-desk/directory/server.ts";
import { startScriptedDemo } from "../examples/scripted-demo/server.ts";
import { node, root } from "../src/cli/child.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { startHost, type RunningHost } from "../src/cli/host-process.ts";
import type { ApprovalList, TurnAnswer } from "../src/controls/wire/gate.ts";
import { freshState } from "./fresh-state.ts";

const state = freshState();
const folder = mkdtempSync(join(tmpdir(), "ambit-first-"));
const file = join(folder, "directory.sqlite");
const token = "a-tool-token";
const directory = await startDirectory({ file, port: 0, token });
const model = await startScriptedDemo({ port: 0, key: "a-model-key" });
let host: RunningHost;

before(async () => {
  host = await startHost({ state: state.folder, listen: await findFreeAddress() }, () => undefined);
});

after(async () => {
  await host.stop();
  await model.close();
  await directory.close();
  state.remove();
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
}

/** One command line, with what goes into its stdin. */
function ambit(words: string[], env: NodeJS.ProcessEnv = {}, input = ""): Promise<Ended> {
  const args = [`${root}src/cli/main.ts`, ...words, "--state", state.folder];
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, ...env } };
    const child = execFile(node, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, out: stdout === "" ? stderr : stdout });
    });
    child.stdin?.end(input);
  });
}

async function done(words: string[], env: NodeJS.ProcessEnv = {}, input = ""): Promise<string> {
  const { code, out } = await ambit(words, env, input);
  assert.equal(code, 0, `${words.join(" ")}: ${out}`);
  return out;
}

/** Writes a deployment, checks it, gives it its secrets and deploys it; the channel token. */
async function begin(name: string, flags: string[], secrets: Record<string, string>): Promise<string> {
  const asked = ["--base-url", model.url, "--model", "scripted-demo", "--users", "amy@acme.example"];
  const env = secrets["backend"] === undefined ? {} : { AMBIT_TOOL_TOKEN: token };
  await done(["init", name, "--yes", ...asked, "--approvers", "ben@acme.example", ...flags], env);
  await done(["check", `${name}/agent.yaml`]);
  for (const [secret, value] of Object.entries(secrets)) await done(["secrets", "set", name, secret], {}, value);
  const answer = JSON.parse(await done(["deploy", `${name}/agent.yaml`, "--json"])) as { token: string };
  return answer.token;
}

const say = (name: string, channel: string, text: string) =>
  ambit(["chat", name, text, "--user", "amy@acme.example", "--json"], { AMBIT_TOKEN: channel });

test("works at all: without a tool server it is deployed as written, and talks", async () => {
  const channel = await begin("talker", [], { model: "a-model-key" });
  const { code, out } = await say("talker", channel, "hello");
  assert.equal(code, 0, out);
  assert.match((JSON.parse(out) as TurnAnswer).reply, /I am scripted-demo/);
});

test("with a tool server each call is held, reads too, and runs once somebody else said yes", async () => {
  const channel = await begin("helper", ["--tools", directory.url], { model: "a-model-key", backend: token });
  const asked = await say("helper", channel, "Give ben@acme.example access to grp_wiki.");
  const read = await say("helper", channel, "What requests are there?");
  assert.deepEqual([asked.code, read.code], [4, 4], asked.out + read.out);
  assert.deepEqual(readDirectory(file).changes, []);
  const { approvals } = JSON.parse(await done(["approvals", "ls", "helper", "--json"])) as ApprovalList;
  assert.deepEqual(approvals.map(({ tool }) => tool).toSorted(), ["grant_access", "list_requests"]);
  const call = approvals.find(({ tool }) => tool === "grant_access");
  await done(["approvals", "approve", "helper", call?.callId ?? "", "--by", "ben@acme.example"]);
  for (const until = Date.now() + 20_000; readDirectory(file).changes.length === 0 && Date.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const changes = readDirectory(file).changes.map(({ kind, person, group_id }) => [kind, person, group_id]);
  assert.deepEqual(changes, [["grant", "ben@acme.example", "grp_wiki"]]);
});
