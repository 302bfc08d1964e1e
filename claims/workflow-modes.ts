// The part of claims/workflow.claim.test.ts that is about modes and about what does not deploy; imported there, because a
// control has one claim. Where nobody is there to decide nothing waits; where policy is only observed everything is said and
// nothing is called production.
import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ambit, audit, bounded, finance, once, order, paying, readPaid, setPayStage, state } from "./pay-stage.ts";
import type { SmallStage } from "./small-stage.ts";

const observed = once(() => setBeside("observed", "mode: observe"));
const unattended = once(() => setBeside("unattended", "unattended: true"));

export async function closeModes(): Promise<void> {
  for (const stage of [observed, unattended]) await (await stage.opened())?.stage.stop();
}

test("unattended, what needs a person is refused, and the agent is told that nobody is there", async () => {
  const turn = await (await unattended.open()).stage.client.say(order("reviewed", { cents: 1 }));
  assert.deepEqual([turn.state, turn.held], ["done", []]);
  assert.match(turn.reply, /nobody is there to decide/);
  assert.deepEqual(readPaid((await unattended.open()).stage, "reviewed"), []);
});

test("observed, what policy would refuse or hold happens and is written down, and it is never called production", async () => {
  const turn = await (
    await observed.open()
  ).stage.client.say(
    `${order("reviewed", { cents: 1 })}. ${order("reviewed", { cents: 11 })}. ${order("euros", { cents: 1, currency: "JPY" })}`,
  );
  assert.equal(turn.state, "done");
  assert.deepEqual(readPaid((await observed.open()).stage, "reviewed"), ["1 EUR", "11 EUR"]);
  assert.deepEqual(readPaid((await observed.open()).stage, "euros"), ["1 JPY"]);
  const events = (await audit(await observed.open()))
    .map(({ event }) => event)
    .filter((event) => event.startsWith("call_would"));
  assert.deepEqual(events, ["call_would_hold", "call_would_refuse", "call_would_refuse"]);
  const warning = /^NOT PRODUCTION: observed only observes/m;
  const { token } = (await observed.open()).stage;
  for (const words of [
    ["ls"],
    ["status"],
    ["status", "observed"],
    ["chat", "observed", "hello", "--token", token, "--user", "amy"],
  ]) {
    const shown = ambit(...words);
    assert.match(shown.stdout + shown.stderr, warning, words.join(" "));
    assert.doesNotMatch(shown.stdout + shown.stderr, /NOT PRODUCTION: paying/);
  }
});
test("untrusted text, private data and a way out that nobody watches do not pass check together, any two do", () => {
  const page = "page: { effect: read, returns: { text: untrusted } }";
  const send = "send: { effect: outward, authority: [to], returns: { id: record } }";
  const view = 'records: { customers: { file: ./data.sqlite, sql: "select 1" } }';
  const both = check(`${page}, ${send}`, view);
  assert.equal(both.status, 1);
  assert.match(both.stderr, /servers\.web\.tools\.send: .*servers\.web\.tools\.page.*records\.customers.*review/);
  const capped = check(`${page}, ${send.replace("[to],", "[to], max: { per_turn: 1 },")}`, view);
  for (const { status, stderr } of [capped, check(page, view), check(send, view), check(`${page}, ${send}`, "")]) {
    assert.equal(status, 0, stderr);
  }
});

test("observed, a tool that is not named and a fault of the schema are refused all the same", async () => {
  await (await observed.open()).stage.client.say(`#unknown-tool call the tool delete_all with {}`);
  await (await observed.open()).stage.client.say(`#unknown-tool call the tool reviewed with {"cents":1,"memo":"x"}`);
  const refused = (await audit(await observed.open())).filter(({ event }) => event === "call_refused");
  assert.deepEqual(
    refused.map(({ detail }) => detail["reason"]),
    ["unknown_tool", "bad_arguments"],
  );
});

/** A deployment in another mode on the same host. */
async function setBeside(name: string, mode: string): Promise<SmallStage> {
  const { host } = (await paying.open()).stage;
  const few = { reviewed: bounded.reviewed, euros: bounded.euros };
  return setPayStage(state.folder, name, few, { host, more: `${mode}\n${finance}` });
}

/** `ambit check` on a file with these tools and further lines. */
function check(tools: string, more: string) {
  const folder = mkdtempSync(join(tmpdir(), "ambit-check-"));
  const model = "{ provider: anthropic, base_url: https://api.example.com/v1, name: m }";
  const lines = ["version: 1", "name: checked", "purpose: x", `agent: { instructions: ./i.md, model: ${model} }`];
  const server = `servers: { web: { url: "https://web.example.com/mcp", tools: { ${tools} } } }`;
  for (const name of ["i.md", "data.sqlite"]) writeFileSync(join(folder, name), "");
  writeFileSync(join(folder, "agent.yaml"), [...lines, server, more].join("\n"));
  const done = ambit("check", join(folder, "agent.yaml"));
  rmSync(folder, { recursive: true });
  return done;
}
