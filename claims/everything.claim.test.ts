// The field's reference server, `@modelcontextprotocol/server-everything`, behind a deployment that names three of its
// tools: those three work, the others do not exist.
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { endChild, node } from "../src/cli/child.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { freshState } from "./fresh-state.ts";
import { setSmallStage, type SmallStage, type ToolServerUnderTest } from "./small-stage.ts";

const state = freshState();
let small: SmallStage;

before(async () => {
  small = await setSmallStage({
    ...{ state: state.folder, name: "everything", server: startEverything },
    tools: `{ echo: { effect: read, payload: [message] }, get-sum: { effect: read, authority: [a, b] },
      get-structured-content: { effect: read, authority: [location] } }`,
  });
});

after(async () => {
  await small?.stage.stop();
  state.remove();
});

test("works at all: three named tools answer", async () => {
  const { client } = small.stage;
  const asked = [
    'echo with {"message":"hi"}',
    'get-sum with {"a":2,"b":40}',
    'get-structured-content with {"location":"Chicago"}',
  ];
  for (const call of asked) {
    const answer = await client.say(`call the tool ${call}`);
    assert.equal(answer.state, "done", answer.reply);
  }
  assert.deepEqual(await endings(), ["call_done", "call_done", "call_done"]);
});

test("a tool that is not named does not exist, though the server offers it", async () => {
  await small.stage.client.say("#unknown-tool call the tool get-env with {}");
  assert.equal((await events("call_refused")).at(-1)?.detail["reason"], "unknown_tool");
  const { tools } = await small.stage.ask<{ tools: { tool: string }[] }>("GET", "control/tools");
  assert.deepEqual(
    tools.map(({ tool }) => tool),
    ["echo", "get-structured-content", "get-sum"],
  );
});

test("an argument outside the server's schema is refused and names the field", async () => {
  await small.stage.client.say('#unknown-tool call the tool get-sum with {"a":"two","b":40}');
  const refused = (await events("call_refused")).at(-1);
  assert.deepEqual([refused?.detail["reason"], refused?.detail["field"]], ["bad_arguments", "a"]);
});

interface Entry {
  readonly event: string;
  readonly detail: Record<string, unknown>;
}

async function events(kind: string): Promise<Entry[]> {
  const { entries } = await small.stage.ask<{ entries: { entry: Entry }[] }>("GET", "control/audit?after=0");
  return entries.map(({ entry }) => entry).filter(({ event }) => event === kind);
}

async function endings(): Promise<string[]> {
  for (let tries = 0; tries < 50; tries++) {
    const ended = await events("call_done");
    if (ended.length >= 3) return ended.map(({ event }) => event);
    await pause(50);
  }
  return (await events("call_failed")).map(({ event }) => event);
}

/** Its HTTP form as its own command line starts it. */
async function startEverything(): Promise<ToolServerUnderTest> {
  const address = await findFreeAddress();
  const file = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");
  const env = { PATH: process.env["PATH"], PORT: address.split(":")[1] };
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", node, file, "streamableHttp"], { env, stdio: "ignore" });
  for (let tries = 0; tries < 200; tries++) {
    if (
      await fetch(`http://${address}/mcp`).then(
        () => true,
        () => false,
      )
    )
      break;
    await pause(50);
  }
  return { url: `http://${address}/mcp`, end: () => endChild(child, 2000) };
}
