// Control `allowlists`: a message of a sender, a room or a workspace that is not listed never reaches a conversation or the
// model. Every listed sender stands beside those who look, fold or parse like one and are not listed; a stranger is answered
// once a day. What the model saw is read from the model's own log. A webhook has no token: it is a listed sender's when it was
// signed, just so; the other side is the official library. Longer than 300 lines because both ways in stand on one host.
import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { putRelease } from "../src/cli/put-release.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { askControl } from "../src/cli/ask-host.ts";
import type { HostStatus } from "../src/controls/wire/control.ts";
import { freshState } from "./fresh-state.ts";
import { HostileModel } from "./hostile-model.ts";
import { rebuild } from "./hostile-stage.ts";
import { setNotesServer } from "./notes-stage.ts";
import { descendants } from "./process-tree.ts";
import { setSmallStage, type SmallStage } from "./small-stage.ts";
import { bodyOf, secretOf, WebhookSender, type Answered, type Change } from "./webhook-sender.ts";

const state = freshState();
let small: SmallStage;
let webhooks: WebhookSender;

before(async () => {
  small = await setSmallStage({
    ...{ state: state.folder, name: "listed", tools: "{ note: { effect: local, payload: [text] } }" },
    server: setNotesServer,
    channels: `{ api: { users: [amy, kim@list.example, "*@acme.example", "group:staff"], rooms: [C01, ops], workspaces: [T01] },
      webhook: { users: [amy, "group:staff"], secret: hooks } }`,
    more: "groups: { staff: [gil@staff.example], others: [mallory@other.example] }",
  });
  webhooks = new WebhookSender(`${small.stage.url}/d/listed`, secretOf(1));
  await askControl(state.folder, "PUT", "/v1/deployments/listed/secrets/hooks", { raw: secretOf(1) });
});

after(async () => {
  await small?.stage.stop();
  state.remove();
});

interface Said {
  readonly status: number;
  readonly body: { readonly type?: string; readonly reply?: string; readonly thread?: string; readonly turn?: number };
}

/** A message of a listed user from a listed room of a listed workspace, but for `change`. */
async function say(text: string, change: object = {}): Promise<Said> {
  const { url, token } = small.stage;
  const answer = await fetch(`${url}/d/listed/v1/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=20" },
    body: JSON.stringify({ user: "amy", room: "C01", workspace: "T01", text, ...change }),
  });
  return { status: answer.status, body: (await answer.json()) as Said["body"] };
}

/** Each change is refused for this reason, and when a listed message came through afterwards the model saw none of them. */
async function refuseAll(changes: readonly object[], reason: string): Promise<void> {
  for (const change of changes) {
    const text = `refused ${JSON.stringify(change)}`;
    const { status, body } = await say(text, change);
    assert.deepEqual([status, body.type], [403, `urn:ambit:problem:${reason}`], text);
  }
  assert.equal((await say(`listed after ${reason}`)).status, 200);
  const asked = small.asked();
  assert.ok(asked.some((text) => text.includes(`listed after ${reason}`)));
  assert.deepEqual(
    asked.filter((text) => text.includes("refused ")),
    [],
  );
}

const listed: readonly object[] = [
  {},
  { user: "AMY" },
  { user: "KIM@List.example" },
  { user: "ida@acme.example" },
  { user: "Ida@ACME.Example" },
  { user: "Gil@staff.example" },
  { room: "ops" },
];

test("works at all: whoever is listed is answered: by name, by domain, by group, from each listed room", async () => {
  for (const [n, change] of listed.entries()) {
    assert.equal((await say(`hello ${n}`, change)).status, 200, JSON.stringify(change));
    assert.ok(small.asked().some((text) => text.includes(`hello ${n}`)));
  }
  const opened = (await audit()).find(({ event }) => event === "turn_opened");
  assert.deepEqual([opened?.detail["room"], opened?.detail["workspace"]], ["C01", "T01"]);
});

test("a sender one step away from a listed one is refused, and the model sees nothing of it", async () => {
  const users = [
    "bob",
    "amy2",
    "amy ",
    "\u0430my",
    "\u212aim@list.example",
    "kim@list.example.",
    "ida@acme.example.",
    "ida@mail.acme.example",
    "ida@evil-acme.example",
    "ida@acme.example.evil.example",
    "ida@acme.exampel",
    "ida@\u0430cme.example",
    "evil@evil.example@acme.example",
    "@acme.example",
    "*@acme.example",
    "gil@acme.exampl",
    "group:staff",
    "staff",
    "mallory@other.example",
    "x".repeat(254),
  ];
  await refuseAll(
    users.map((user) => ({ user })),
    "sender_not_listed",
  );
});

test("a room that is not listed, or none, is refused, and the model sees nothing of it", async () => {
  const rooms = ["C02", "c01", "C01 ", "T01", "Ops", undefined];
  await refuseAll(
    rooms.map((room) => ({ room })),
    "room_not_listed",
  );
});

test("a workspace that is not listed, or none, is refused, and the model sees nothing of it", async () => {
  const workspaces = ["T02", "t01", "C01", undefined];
  await refuseAll(
    workspaces.map((workspace) => ({ workspace })),
    "workspace_not_listed",
  );
});

test("a name or a place that is no line, or too long, is refused and named", async () => {
  for (const [field, change] of [
    ["user", { user: "x".repeat(10_000) }],
    ["user", { user: "" }],
    ["room", { room: "" }],
    ["room", { room: "C01\n" }],
    ["room", { room: "C\u202e01" }],
    ["workspace", { workspace: "x".repeat(255) }],
    ["channel", { channel: "C01" }],
  ] as const) {
    const { status, body } = await say("refused", change);
    assert.deepEqual([status, (body as { field?: string }).field], [422, field]);
  }
});

test("a stranger is answered once a day and written down once, also when the gate was killed in between", async () => {
  const eve = { user: "eve@stranger.example" };
  const first = await say("hello?", eve);
  assert.match(first.body.reply ?? "", /^This assistant does not take messages from you; ask/);
  assert.doesNotMatch(JSON.stringify(first.body), /acme|staff|kim/);
  assert.equal((await say("hello?", eve)).body.reply, undefined);
  assert.equal((await say("hello?", { user: "EVE@stranger.example" })).body.reply, undefined);
  await killGate();
  const again = await sayWhenBack(eve);
  assert.deepEqual([again.status, again.body.reply], [403, undefined]);
  const written = (await audit()).filter(
    ({ event, detail }) => event === "sender_refused" && detail["user"] === eve.user,
  );
  assert.equal(written.length, 1);
});

test("whoever is not listed cannot read a turn, not even with its name", async () => {
  const { body } = await say("mine");
  const read = (user: string) => {
    const { url, token } = small.stage;
    const path = `${url}/d/listed/v1/threads/${body.thread}/turns/${body.turn}?user=${encodeURIComponent(user)}`;
    return fetch(path, { headers: { authorization: `Bearer ${token}` } });
  };
  assert.equal((await read("amy")).status, 200);
  assert.equal((await read("ida@acme.example")).status, 404);
  for (const user of ["bob", "amy ", "\u0430my"]) assert.equal((await read(user)).status, 403, user);
});

/** A webhook of a listed user, but for `data`. */
const hook = (text: string, data: object = {}): string => bodyOf({ user: "amy", text, ...data });

/** A turn of the webhook channel, read over the API when it has ended. */
async function readHook({ body }: Answered, user: string): Promise<Said> {
  const { url, token } = small.stage;
  const query = `user=${encodeURIComponent(user)}&wait=20000&channel=webhook`;
  const answer = await fetch(`${url}/d/listed/v1/threads/${body.thread}/turns/${body.turn}?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: answer.status, body: (await answer.json()) as Said["body"] };
}

test("works at all: a signed webhook of a listed user is taken at once, and its answer is read over the API", async () => {
  const sent = await webhooks.send(hook("signed hello", { user: "Gil@staff.example" }));
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const read = await readHook(sent, "Gil@staff.example");
  assert.deepEqual([read.status, (read.body as Answered["body"]).state], [200, "done"]);
  assert.ok(small.asked().some((text) => text.includes("signed hello")));
  const opened = (await audit()).filter(({ event, detail }) => event === "turn_opened" && detail["signedBy"]).at(-1);
  assert.deepEqual([opened?.detail["channel"], opened?.detail["signedBy"]], ["webhook", "hooks"]);
});

test("works at all: the example of docs/webhooks.md is taken as it stands there", async () => {
  const page = readFileSync(new URL("../docs/webhooks.md", import.meta.url), "utf8");
  const example = page.split("## Sending one")[1]?.split("```sh\n")[1]?.split("```")[0] ?? "";
  // Where it is sent and by which secret is the reader's.
  const own = example.replace(/^URL=.*\nSECRET=.*\n/, "");
  const env = { PATH: process.env["PATH"], URL: `${small.stage.url}/d/listed`, SECRET: secretOf(1) };
  const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", own], { env });
  const body = JSON.parse(stdout) as Answered["body"];
  assert.equal(body.turn, 1, stdout);
  await readHook({ status: 202, body }, "amy");
  assert.ok(small.asked().some((text) => text.includes("Order 4711 has arrived.")));
});

/** What is changed of a right webhook, and how it is refused. */
const forged: readonly (readonly [Change, number, string, string])[] = [
  [{ secret: secretOf(2) }, 401, "signature_not_valid", "webhook-signature"],
  [{ body: hook("refused", { user: "gil@staff.example" }) }, 401, "signature_not_valid", "webhook-signature"],
  [{ headers: { "webhook-id": "msg_other" } }, 401, "signature_not_valid", "webhook-signature"],
  [{ headers: { "webhook-signature": null } }, 401, "signature_not_valid", "webhook-signature"],
  [{ headers: { "webhook-signature": "v1," } }, 400, "bad_request", "webhook-signature"],
  [{ away: -302 }, 401, "timestamp_not_valid", "webhook-timestamp"],
  [{ away: 302 }, 401, "timestamp_not_valid", "webhook-timestamp"],
];

test("a webhook that is not signed, not now or not just so never reaches the model", async () => {
  for (const [change, status, type, field] of forged) {
    const { status: got, body } = await webhooks.send(hook("refused hook"), change);
    assert.deepEqual(
      [got, body.type, body.field],
      [status, `urn:ambit:problem:${type}`, field],
      JSON.stringify(change),
    );
  }
  const many = `${`v1,${Buffer.alloc(32).toString("base64")} `.repeat(5)}v1,${Buffer.alloc(32, 1).toString("base64")}`;
  const guessed = await webhooks.send(hook("refused hook"), { headers: { "webhook-signature": many } });
  assert.deepEqual([guessed.status, guessed.body.type], [400, "urn:ambit:problem:too_many_signatures"]);
  const right = await webhooks.send(hook("signed after forged"));
  await readHook(right, "amy");
  const asked = small.asked();
  assert.ok(asked.some((text) => text.includes("signed after forged")));
  assert.ok(!asked.some((text) => text.includes("refused")));
});

test("a signed webhook of a sender who is not listed, or that is no message, is refused and named", async () => {
  for (const [body, status, field] of [
    [hook("refused", { user: "kim@list.example" }), 403, "channels.webhook.users"],
    [hook("refused", { token: "x" }), 422, "data.token"],
    [bodyOf({ user: "amy", text: "refused" }, { more: 1 }), 422, "more"],
    [bodyOf({ user: "amy", text: "refused" }, { type: "message.deleted" }), 422, "type"],
    [bodyOf({ user: "amy", text: "refused" }, { timestamp: "yesterday" }), 422, "timestamp"],
    ["[]", 422, "(body)"],
    ["{", 400, undefined],
    [hook("x".repeat(262_145)), 413, undefined],
  ] as const) {
    const answer = await webhooks.send(body);
    assert.deepEqual([answer.status, answer.body.field], [status, field], body.slice(0, 100));
  }
  const plain = await webhooks.send(hook("refused"), { headers: { "content-type": "text/plain" } });
  assert.deepEqual([plain.status, plain.body.field], [415, "Content-Type"]);
  assert.equal((await webhooks.send(hook("refused"), { method: "GET" })).status, 405);
  assert.ok(!small.asked().some((text) => text.includes("refused")));
});

test("a webhook that is sent again is the same message, also after a kill; its id takes no other body", async () => {
  const first = await webhooks.send(hook("once"), { id: "msg_once" });
  assert.equal(first.status, 202);
  assert.deepEqual(await webhooks.send(hook("once"), { id: "msg_once", away: -200 }), first);
  for (const body of [hook("twice"), hook("once", { user: "gil@staff.example" }), hook("once", { thread: "t" })]) {
    const again = await webhooks.send(body, { id: "msg_once" });
    assert.deepEqual([again.status, again.body.field], [409, "webhook-id"], body);
  }
  await killGate();
  await sayWhenBack({});
  assert.deepEqual(await webhooks.send(hook("once"), { id: "msg_once" }), first);
  await readHook(first, "amy");
  assert.equal(small.asked().filter((text) => text.includes("once")).length, 1);
});

test("a message of whoever is taken off the list goes on no further, and one of whoever stays does", async () => {
  const model = await HostileModel.start();
  const deploy = async (users: string[]) => {
    const release = rebuild(small.release, (manifest) => ({
      ...{ ...manifest, name: "removed", channels: { api: { users } } },
      agent: { ...manifest.agent, model: { ...manifest.agent.model, base_url: model.url } },
      egress: {
        ...manifest.egress,
        allow_internal: [...manifest.egress.allow_internal, new URL(model.url).host],
      },
    }));
    const { status, body } = await putRelease(state.folder, release, { drainMs: 200 });
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { token: string }).token;
  };
  try {
    const token = await deploy(["amy", "bob"]);
    for (const user of ["amy", "bob"]) {
      // The first message keeps its turn under way, so that the second waits when the deploy comes.
      model.when(`${user} one`, () => undefined);
      const client = new ChannelClient(small.stage.url, "removed", token, user);
      const { thread } = await client.send(`${user} one`);
      await client.send(`${user} two`, thread);
      for (let tries = 0; tries < 100 && model.requestsOf(`${user} one`).length === 0; tries++) await pause(50);
      assert.equal(model.requestsOf(`${user} one`).length, 1);
    }
    await deploy(["bob"]);
    for (let tries = 0; tries < 200 && (await closed("removed")).length < 4; tries++) await pause(50);
    const ended = await closed("removed");
    assert.deepEqual(
      ["amy", "bob"].map((user) => ended.filter(([whose]) => whose === user).map(([, why]) => why)),
      [
        ["replaced", "sender_not_listed"],
        ["replaced", null],
      ],
    );
    assert.deepEqual([model.requestsOf("amy two").length, model.requestsOf("bob two").length], [0, 1]);
  } finally {
    await model.end();
  }
});

/** Of each turn that ended: whose it was, and why it ended. */
async function closed(name: string): Promise<[string, unknown][]> {
  type Page = { entries: { entry: { event: string; thread?: string; detail: Record<string, unknown> } }[] };
  const { body } = await askControl(state.folder, "GET", `/v1/deployments/${name}/gate/control/audit?after=0`);
  return (body as Page).entries
    .filter(({ entry }) => entry.event === "turn_closed")
    .map(({ entry }) => [entry.thread?.split(":")[1] ?? "", entry.detail["why"]]);
}

async function killGate(): Promise<void> {
  const { body } = await askControl(state.folder, "GET", "/v1/status");
  const gate = (body as HostStatus).processes.find(({ name }) => name.startsWith("gate"))?.pid ?? 0;
  for (const pid of [...descendants(gate).reverse(), gate]) process.kill(pid, "SIGKILL");
}

/** The front answers 502 or 503 until the gate is back. */
async function sayWhenBack(change: object): Promise<Said> {
  for (let tries = 0; tries < 100; tries++) {
    const said = await say("hello?", change).catch(() => undefined);
    if (said !== undefined && said.status < 500) return said;
    await pause(100);
  }
  throw new Error("the gate does not come back");
}

async function audit(): Promise<{ event: string; detail: Record<string, unknown> }[]> {
  type Page = { entries: { entry: { event: string; detail: Record<string, unknown> } }[] };
  const { entries } = await small.stage.ask<Page>("GET", "control/audit?after=0");
  return entries.map(({ entry }) => entry);
}
