// The second protocol a model may speak, Anthropic's Messages API: a scripted server that says so stands in for the model
// and nothing else is faked. The key is put on by the broker, and a key that the gate would send is not passed on.
import { strict as assert } from "node:assert";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { freshState } from "./fresh-state.ts";
import { readNotes, setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

const state = freshState();
const asked: { path: string; key: string | undefined; version: string | undefined; body: Asked }[] = [];
let small: SmallStage;
let model: Server;
let client: ChannelClient;

interface Asked {
  readonly system: unknown;
  readonly tools: { readonly name: string }[];
  readonly messages: { readonly role: string; readonly content: unknown }[];
}

before(async () => {
  small = await setNotesStage(state.folder);
  model = createServer(async (request, response) => {
    const body = await answer(request);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => model.listen(0, "127.0.0.1", resolve));
  client = await deployOnto((model.address() as AddressInfo).port);
});

after(async () => {
  model?.close();
  await small?.stage.stop();
  state.remove();
});

test("works at all: a call and its result travel through the Messages API", async () => {
  const answered = await client.say("Please keep a note.");
  assert.equal(answered.state, "done", answered.reply);
  assert.equal(answered.reply, "Kept: kept by the second protocol");
  assert.deepEqual(readNotes(small.stage), ["by the second protocol"]);
});

test("the broker adds the key, and the gate's own never leaves", () => {
  assert.ok(asked.length >= 2);
  for (const { path, key, version } of asked) {
    assert.deepEqual([path, key], ["/v1/messages", "the-real-key"]);
    assert.match(version ?? "", /^20\d\d-\d\d-\d\d$/);
  }
});

test("the model is offered the named tool and the operator's instructions, and nothing else", () => {
  for (const { body } of asked) {
    assert.deepEqual(
      body.tools.map(({ name }) => name),
      ["note"],
    );
    assert.match(JSON.stringify(body.system), /Do what you are told/);
  }
});

/** The same tools under another name, on the Anthropic-speaking server. */
async function deployOnto(port: number): Promise<ChannelClient> {
  const { release: _hash, ...parts } = small.release;
  const { manifest } = parts;
  const name = "second";
  const base_url = `http://127.0.0.1:${port}/v1`;
  const provider = { provider: "anthropic" as const, base_url, name: "scripted-anthropic", credential: "secret:model" };
  const egress = { ...manifest.egress, allow_internal: [...manifest.egress.allow_internal, `127.0.0.1:${port}`] };
  const changed = { ...parts, manifest: { ...manifest, name, egress, agent: { ...manifest.agent, model: provider } } };
  const body = { release: { ...changed, release: hashRelease(changed) } };
  await askControl(state.folder, "PUT", `/v1/deployments/${name}/secrets/model`, { raw: "the-real-key" });
  const deployed = await askControl(state.folder, "PUT", `/v1/deployments/${name}`, { body });
  assert.equal(deployed.status, 200, JSON.stringify(deployed.body));
  return new ChannelClient(small.stage.url, name, (deployed.body as { token: string }).token, "amy");
}

/** First a tool use, then a text that repeats the result. */
async function answer(request: IncomingMessage): Promise<object> {
  const text = Buffer.concat(await Array.fromAsync(request)).toString("utf8");
  const body = JSON.parse(text) as Asked;
  const { headers } = request;
  asked.push({
    path: request.url ?? "",
    key: String(headers["x-api-key"]),
    version: String(headers["anthropic-version"]),
    body,
  });
  const result = /kept by the second protocol/.exec(JSON.stringify(body.messages))?.[0];
  const content = result
    ? [{ type: "text", text: `Kept: ${result}` }]
    : [{ type: "tool_use", id: "toolu_1", name: "note", input: { text: "by the second protocol" } }];
  const stop_reason = result ? "end_turn" : "tool_use";
  const usage = { input_tokens: 10, output_tokens: 10 };
  return {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "scripted-anthropic",
    content,
    stop_reason,
    stop_sequence: null,
    usage,
  };
}
