// Control `allowlists`: a message of a sender, a room or a workspace that is not listed never reaches a conversation or the
// model. Every listed sender stands beside those who look, fold or parse like one and are not listed; a stranger is answered
// once a day. What the model saw is read from the model's own log.
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { putRelease } from "../src/cli/put-release.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { askControl } from "../src/cli/control.ts";
import type { HostStatus } from "../src/controls/wire/control.ts";
import { freshState } from "./fresh-state.ts";
import { HostileModel } from "./hostile-model.ts";
import { rebuild } from "./hostile-stage.ts";
import { setNotesServer } from "./notes-stage.ts";
import { descendants } from "./process-tree.ts";
import { setSmallStage, type SmallStage } from "./small-stage.ts";

const state = freshState();
let small: SmallStage;

before(async () => {
  small = await setSmallStage({
    ...{ state: state.folder, name: "listed", tools: "{ note: { effect: local, payload: [text] } }" },
    server: setNotesServer,
    channels: `{ api: { users: [amy, kim@list.example, "*@acme.example", "group:staff"], rooms: [C01, ops], workspaces: [T01] } }`,
    more: "groups: { staff: [gil@staff.example], others: [mallory@other.example] }",
  });
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
