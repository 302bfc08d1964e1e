// The inbox and the index of events, over a running Ambit: what waits for a person shows at once, is decided over the API by
// the person of the token and nobody else, and what happened can be read again, also after admin was away.
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { mint } from "../src/admin/fixtures/stand.ts";
import { StreamReader, type StreamEvent } from "../src/admin/fixtures/read-stream.ts";
import { killAdminOf } from "./admin-killed.ts";
import { freshState } from "./fresh-state.ts";
import { readNotes, setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

const state = freshState();
let small: SmallStage;
let viewer: string;
let editor: string;
let stranger: string;
let asker: string;

before(async () => {
  const tools = "{ note: { effect: outward, impact: publish, authority: [text], review: { by: editors } } }";
  const people = "approvers: { editors: [editor@acme.example, amy] }";
  small = await setNotesStage(state.folder, "inbox", undefined, tools, people);
  const make = (role: "viewer" | "approver", by: string) => mint(state.folder, role, by);
  viewer = await make("viewer", "vera");
  editor = await make("approver", "editor@acme.example");
  stranger = await make("approver", "mallory@acme.example");
  asker = await make("approver", "amy");
});

after(async () => {
  await small?.stage.stop();
  state.remove();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function call(method: string, path: string, token: string, body?: object, key?: string): Promise<Answer> {
  const answer = await fetch(small.stage.host.admin + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Answer["body"] };
}

/** Has amy ask for a call that waits; its view. */
async function hold(text: string): Promise<Record<string, string>> {
  const turn = await small.stage.client.say(`call the tool note with ${JSON.stringify({ text })}`);
  assert.equal(turn.state, "waiting", turn.reply);
  const { body } = await call("GET", "/v1/approvals", viewer);
  const found = (body["approvals"] as Record<string, unknown>[]).find(
    (one) => (one["arguments"] as { text: string }).text === text,
  );
  assert.ok(found, JSON.stringify(body));
  return found as Record<string, string>;
}

const pathOf = ({ callId }: Record<string, string>): string => `/v1/deployments/inbox/approvals/${callId}`;
const actionOf = ({ actionHash }: Record<string, string>) => ({ action: actionHash });

async function untilRun(text: string): Promise<void> {
  for (let tries = 0; tries < 400 && !readNotes(small.stage).includes(text); tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(
    readNotes(small.stage).filter((one) => one === text),
    [text],
  );
}

test("works at all: a held call shows in the stream, is approved over the API, runs, and shows its end", async () => {
  const stream = await StreamReader.open(`${small.stage.host.admin}/v1/approvals/stream`, viewer);
  await stream.next(({ event }) => event === "state");
  const held = await hold("first");
  const about =
    (...states: string[]) =>
    ({ event, data }: StreamEvent): boolean =>
      event === "approval" && data["callId"] === held["callId"] && states.includes(String(data["state"]));
  assert.deepEqual((await stream.next(about("held")))?.data["arguments"], { text: "first" });
  const done = await call("POST", `${pathOf(held)}/approve`, editor, { ...actionOf(held), reason: "fine" }, "once");
  assert.deepEqual([done.status, done.body["by"]], [200, "editor@acme.example"]);
  const again = await call("POST", `${pathOf(held)}/approve`, editor, { ...actionOf(held), reason: "fine" }, "once");
  assert.deepEqual([again.body, again.headers.get("idempotent-replayed")], [done.body, "true"]);
  assert.ok(await stream.next(about("approved", "executing", "done")));
  stream.end();
  await untilRun("first");
  const gone = await call("GET", "/v1/approvals", viewer);
  assert.deepEqual(gone.body, { approvals: [], more: {}, unreachable: [] });
});

test("whoever may not decide is refused with the rule, and the call still waits", async () => {
  const held = await hold("refused");
  const rows: [name: string, token: string, body: object, status: number, reason: string][] = [
    ["a viewer", viewer, actionOf(held), 403, "role_not_enough"],
    ["an approver whom the file does not name", stranger, actionOf(held), 403, "not_an_approver"],
    ["whoever asked, though the role names them", asker, actionOf(held), 403, "requester_cannot_approve"],
    ["an editor who looked at something else", editor, { action: "0".repeat(64) }, 409, "arguments_changed"],
  ];
  for (const [who, token, body, status, reason] of rows) {
    const got = await call("POST", `${pathOf(held)}/approve`, token, body);
    assert.deepEqual([got.status, (got.body["decision"] as { reason: string }).reason], [status, reason], who);
  }
  const named = await call("POST", `${pathOf(held)}/approve`, editor, { ...actionOf(held), by: "boss" });
  assert.deepEqual([named.status, named.body["field"]], [422, "by"]);
  assert.equal((await call("GET", pathOf(held), viewer)).body["state"], "held");
  const denied = await call("POST", `${pathOf(held)}/deny`, editor, { ...actionOf(held), reason: "no" });
  assert.deepEqual([denied.status, denied.body["state"]], [200, "denied"]);
  const late = await call("POST", `${pathOf(held)}/approve`, editor, actionOf(held));
  assert.equal(late.status, 409);
  assert.equal(readNotes(small.stage).includes("refused"), false);
});

test("what happened is read again from where a reader was, each entry once and in order", async () => {
  const held = await hold("streamed");
  await call("POST", `${pathOf(held)}/deny`, editor, actionOf(held));
  const url = `${small.stage.host.admin}/v1/events/stream?deployment=inbox&chain=gate`;
  const of =
    (kind: string) =>
    ({ data }: StreamEvent): boolean => {
      const { event, callId } = data["entry"] as { event: string; callId?: string };
      return event === kind && callId === held["callId"];
    };
  // Of another index: it gets all that this one has.
  const whole = await StreamReader.open(url, viewer, { "last-event-id": "evt_00000000_1" });
  assert.equal((await whole.next())?.event, "reset");
  const seen = await whole.next(of("call_held"));
  assert.ok(seen?.id);
  whole.end();
  const rest = await StreamReader.open(url, viewer, { "last-event-id": seen.id });
  let seq = (seen.data["entry"] as { seq: number }).seq;
  for (let isEnd = false; !isEnd;) {
    const one = await rest.next();
    assert.ok(one);
    assert.equal((one.data["entry"] as { seq: number }).seq, ++seq);
    isEnd = of("call_denied")(one);
  }
  rest.end();
  const listed = await call("GET", "/v1/events?kind=call_denied&user=editor@acme.example&limit=1", viewer);
  assert.equal((listed.body["events"] as { entry: { callId: string } }[])[0]?.entry.callId, held["callId"]);
});

test("admin killed and kept dead under load: all goes on, and then its index is the chains, entry by entry", async () => {
  const result = await killAdminOf(small, state.folder, 2500, 2, 1);
  assert.deepEqual(result.faults, []);
  assert.ok(result.answered > 0 && result.decided > 0, JSON.stringify(result));
  assert.ok(Number(result.compared["gate"]) > 10 && Number(result.compared["admin"]) > 2, JSON.stringify(result));
});
