// What Ambit says of itself, of real processes: a turn with a call and one that waited for a person is one trace at a real
// collector; metrics and readiness say what is; and a secret that a model's server repeats is in no line of the log.
import { strict as assert } from "node:assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readdirSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeRelease, mint } from "../src/admin/fixtures/stand.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { node, root } from "../src/cli/child.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { startHost } from "../src/cli/host-process.ts";
import type { ApprovalView } from "../src/controls/wire/gate.ts";
import { freshState } from "./fresh-state.ts";
import { setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, string> }[];
  readonly links?: readonly object[];
}

const state = freshState();
const secret = "correct-horse-battery-staple";
const spans: Span[] = [];
let said = "";
let small: SmallStage;
let end: () => Promise<void>;
let admin = "";
let viewer = "";

const collector = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += String(chunk)));
  request.on("end", () => {
    const sent = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
    spans.push(...sent.resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)));
    response.end("{}");
  });
});
/** Says what it was sent back to whoever asks, as a careless server does. */
const echo = createServer((request, response) => {
  request.resume().on("end", () => {
    const message = `invalid key: ${request.headers.authorization ?? ""}`;
    response.writeHead(401, { "content-type": "application/json" }).end(JSON.stringify({ error: { message } }));
  });
});

before(async () => {
  for (const server of [collector, echo]) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const otlp = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const options = { state: state.folder, listen: await findFreeAddress(), otlp };
  const host = await startHost(options, (line) => (said += line));
  [admin, end] = [host.admin, () => host.stop()];
  const tools = `{ note: { effect: outward, impact: publish, authority: [text], review: { by: editors } },
    announce: { effect: local, payload: [text] } }`;
  small = await setNotesStage(state.folder, "watched", host, tools, "approvers: { editors: [ed@acme.example] }");
  viewer = await mint(state.folder, "viewer", "vic@acme.example");
});

after(async () => {
  await small?.stage.stop();
  await end?.();
  for (const server of [collector, echo]) {
    server.closeAllConnections();
    server.close();
  }
  state.remove();
});

async function until(isTrue: () => boolean): Promise<void> {
  for (let n = 0; !isTrue(); n++) {
    if (n > 1000) throw new Error(`did not happen within 10 s; spans: ${JSON.stringify(spans)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const closed = (): Span[] => spans.filter(({ name }) => name === "invoke_agent watched");

function read(path: string, token: string | null = viewer): Promise<Response> {
  return fetch(`${admin}${path}`, token === null ? {} : { headers: { authorization: `Bearer ${token}` } });
}

test("works at all: a turn with a call and a turn with one that waited are a trace each, and nothing of them is in it", async () => {
  await small.stage.client.say('call the tool announce with {"text":"quiet words"}');
  const waiting = await small.stage.client.say('call the tool note with {"text":"other words"}');
  const callId = waiting.held[0]?.callId ?? "";
  const { actionHash } = await small.stage.ask<ApprovalView>("GET", `control/approvals/${callId}`);
  assert.match(await (await read("/metrics")).text(), /ambit_held_calls\{deployment="watched"\} 1\n/);
  const decided = { decision: "approve", actionHash, by: "ed@acme.example", note: "" };
  await small.stage.ask("POST", `control/approvals/${callId}`, decided);
  await until(() => closed().length === 2);
  const namesOf = ({ traceId }: Span): string[] =>
    spans.filter((one) => one.traceId === traceId).map(({ name }) => name);
  const [first, second] = closed().map(namesOf);
  assert.deepEqual(first, [
    ...["invoke_agent watched", "chat scripted-demo", "execute_tool announce", "chat scripted-demo"],
  ]);
  assert.deepEqual(second, [
    ...["invoke_agent watched", "chat scripted-demo", "ambit.review note", "execute_tool note", "chat scripted-demo"],
  ]);
  const text = JSON.stringify(spans);
  for (const word of ["words", "amy", "ed@acme"]) assert.ok(!text.includes(word), word);
});

test("the trace of a client is a link of ours and never its parent, and what is no trace is left out", async () => {
  const { url, token } = small.stage;
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const send = async (text: string, traceparent: string): Promise<void> => {
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      prefer: "wait=20",
      traceparent,
    };
    const body = JSON.stringify({ user: "amy", text });
    const answer = await fetch(`${url}/d/watched/v1/messages`, { method: "POST", headers, body });
    assert.equal(answer.status, 200, await answer.text());
  };
  const already = closed().length;
  await send("hello", `00-${traceId}-00f067aa0ba902b7-01`);
  await until(() => closed().length === already + 1);
  await send("hello again", `00-${traceId}-00f067aa0ba902b7-01, and more`);
  await until(() => closed().length === already + 2);
  const [linked, bare] = closed().slice(already);
  assert.deepEqual(linked?.links, [{ traceId, spanId: "00f067aa0ba902b7" }]);
  assert.deepEqual([linked?.parentSpanId, bare?.links], [undefined, undefined]);
  assert.ok(closed().every((one) => one.traceId !== traceId));
});

test("metrics say what is, take a token, and name no user and no tool", async () => {
  assert.equal((await read("/metrics", null)).status, 401);
  const got = await read("/metrics");
  assert.equal(got.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const text = await got.text();
  for (const line of [
    'ambit_part_up{part="front"} 1',
    'ambit_deployments{state="ready"} 1',
    'ambit_turns_closed_total{deployment="watched",end="done"} 4',
    'ambit_calls_total{deployment="watched",outcome="done"} 2',
    'ambit_held_calls{deployment="watched"} 0',
    'ambit_index_fault{deployment="watched",chain="gate"} 0',
    'ambit_otlp_spans_dropped_total{reason="refused"} 0',
  ])
    assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
  assert.match(text, /ambit_front_request_seconds_count\{deployment="watched",status="2xx"\} [1-9]/);
  assert.doesNotMatch(text, /amy|announce/);
});

test("readiness names what is not ready with 503, and the front's says nothing of deployments", async () => {
  assert.deepEqual(await (await read("/readyz", null)).json(), {
    status: "ready",
    parts: ["broker", "front", "admin"].map((name) => ({ name, state: "ready" })),
    deployments: [{ name: "watched", state: "ready", frozen: false }],
  });
  assert.equal(await (await fetch(`${small.stage.url}/readyz`)).text(), '{"status":"ok"}');
  const { body } = await askControl(state.folder, "GET", "/v1/status");
  const { processes } = body as { processes: { name: string; pid: number }[] };
  process.kill(processes.find(({ name }) => name === "broker")?.pid ?? 0, "SIGKILL");
  let answer = await read("/readyz", null);
  for (let n = 0; answer.status === 200 && n < 100; n++) answer = await read("/readyz", null);
  assert.equal(answer.status, 503);
  const { parts } = (await answer.json()) as { parts: { name: string; state: string }[] };
  assert.notEqual(parts.find(({ name }) => name === "broker")?.state, "ready");
  for (let n = 0; (await read("/readyz", null)).status !== 200 && n < 1000; n++)
    await new Promise((resolve) => setTimeout(resolve, 10));
});

test("a credential that a model's server repeats is in no line that leaves, and the failure is", async () => {
  const base = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`;
  const release = makeRelease("leaky", "fail", {
    agent: {
      instructions: "./i.md",
      model: { provider: "openai-compatible", base_url: `${base}/v1`, name: "m", credential: "secret:model" },
    },
    channels: { api: { users: ["amy"] } },
    egress: { allow_internal: [new URL(base).host] },
  });
  const made = await askControl(state.folder, "PUT", "/v1/deployments/leaky", { body: { release } });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const put = await askControl(state.folder, "PUT", "/v1/deployments/leaky/secrets/model", { raw: secret });
  assert.equal(put.status, 204, JSON.stringify(put.body));
  const { token } = made.body as { token: string };
  const answer = await new ChannelClient(small.stage.url, "leaky", token, "amy").say("hello");
  assert.equal(answer.state, "failed");
  // What an operator pastes is logged as it was said: here the credential reaches the one place where lines leave.
  const pasted = { by: "amy", reason: `leaked: Authorization: Bearer ${secret}` };
  const frozen = await askControl(state.folder, "POST", "/v1/deployments/leaky/freeze", { body: pasted });
  assert.equal(frozen.status, 200, JSON.stringify(frozen.body));
  const folder = join(state.folder, "logs");
  const files = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  for (const text of [said, ...files]) {
    assert.ok(!text.includes(secret), "the credential is in the log");
    assert.ok(!text.includes(token.slice(-12)), "the token is in the log");
  }
  assert.match(said, /"event":"frozen"[^\n]*leaked: /);
  const logs = spawnSync(node, [`${root}src/cli/main.ts`, "logs", "leaky", "--state", state.folder], {
    encoding: "utf8",
  });
  assert.equal(logs.status, 0, logs.stderr);
  assert.match(logs.stdout, /gate:leaky|deployment=leaky|part_ready/);
  assert.doesNotMatch(logs.stdout, /watched/);
});
