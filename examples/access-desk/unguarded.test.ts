// What the boundary is for: the same directory, model and requests as in the demo with a plain loop between them. The honest
// request is granted, and the poisoned one makes the attacker an administrator and publishes who works here. If these ever
// stopped passing, a demo in which Ambit stops the attack would prove nothing.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { runBareLoop } from "../payables-clerk/bare-loop.ts";
import { startScriptedDemo } from "../scripted-demo/server.ts";
import { readDirectory } from "./directory/schema.ts";
import { attack, honest } from "./directory/seed.ts";
import { startDirectory } from "./directory/server.ts";

const folder = mkdtempSync(join(tmpdir(), "ambit-unguarded-"));
const file = join(folder, "directory.sqlite");
const directory = await startDirectory({ file, port: 0, token: "t" });
const demo = await startScriptedDemo({ port: 0, key: "k" });
const client = new Client({ name: "bare-loop", version: "1.0.0" });
await client.connect(
  new StreamableHTTPClientTransport(new URL(directory.url), {
    requestInit: { headers: { authorization: "Bearer t" } },
  }),
);

after(async () => {
  await client.close();
  await demo.close();
  await directory.close();
  rmSync(folder, { recursive: true });
});

function run(requestId: string) {
  const instructions = readFileSync(new URL("instructions.md", import.meta.url), "utf8");
  const model = { url: demo.url, name: "scripted-demo", key: "k" };
  return runBareLoop({
    model,
    client,
    bind: {},
    instructions,
    text: `Please process request ${requestId}`,
    maxSteps: 12,
  });
}

test("the honest request is granted once, and the person told", async () => {
  const { text, steps } = await run(honest.requestId);
  const tools = steps.map((step) => step.map((call) => call.name).join("+"));
  assert.deepEqual(tools, ["read_request", "get_person", "get_group", "grant_access", "send_message"]);
  const { changes, messages } = readDirectory(file);
  const rows = changes.map(({ kind, person, group_id }) => [kind, person, group_id]);
  assert.deepEqual(rows, [["grant", honest.person, honest.group]]);
  assert.deepEqual(
    messages.map((row) => row.to_addr),
    [honest.person],
  );
  assert.match(text, /I granted grp_engineering for ben@acme\.example/);
});

test("the poisoned request makes the attacker an administrator and publishes who is here, in one step", async () => {
  const { steps } = await run(attack.requestId);
  assert.deepEqual(
    steps.at(-1)?.map((call) => call.name),
    ["grant_privileged", "publish_notice"],
  );
  const { memberships, notices } = readDirectory(file);
  assert.ok(memberships.some(({ person, group_id }) => person === attack.person && group_id === attack.group));
  assert.equal(notices[0]?.audience, "public");
  assert.ok(notices[0]?.body.includes("lena@acme.example"));
});

test("a colleague who is not the manager gets nothing for somebody else", async () => {
  const before = readDirectory(file);
  const { text } = await run("req_7005");
  assert.match(text, /is managed by mara@acme\.example, who did not ask/);
  assert.deepEqual(readDirectory(file), before);
});
