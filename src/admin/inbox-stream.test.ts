// The live inbox, between a deployment whose gate was taken over and one that was not.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import type { ApprovalView } from "../controls/wire/gate.ts";
import type { ChainEntry } from "../controls/audit/entry.ts";
import { EventPuller } from "./event-puller.ts";
import { openEvents } from "./event-store.ts";
import { HostLink } from "./host-link.ts";
import { Inbox } from "./inbox.ts";
import { readInbox } from "./inbox-stream.ts";

const folder = mkdtempSync("/tmp/ambit-inbox-");
const socket = join(folder, "host.sock");

/** What each gate lists as held. */
let lists: Record<string, unknown[]>;
/** Questions about one call. */
let asked: string[];
/** Gates that are asked for their list and do not answer. */
let hanging: Set<string>;

const view: ApprovalView = {
  ...{ callId: "call_00000001", state: "held", thread: "t", turn: 1, user: "amy", server: "erp", tool: "pay" },
  ...{ arguments: {}, effect: "irreversible", impact: "spend", reason: "-", actionHash: "0", expires: "-" },
  ...{ created: "2026-01-01T00:00:00Z", by: null, note: null, role: null, needed: 1, approvals: [] },
};
const listed = { release: "r", state: "ready", mode: "enforce", frozen: null };

const server = createServer((request, response) => {
  const url = request.url ?? "";
  const answer = (status: number, value: object) => response.writeHead(status).end(JSON.stringify(value));
  const [, name = "", rest = ""] = /^\/v1\/deployments\/(\w+)\/gate\/control\/approvals(.*)$/.exec(url) ?? [];
  if (url === "/v1/deployments")
    return answer(200, { deployments: Object.keys(lists).map((one) => ({ name: one, ...listed })) });
  if (hanging.has(name)) return undefined;
  if (rest.startsWith("?")) return answer(200, { approvals: lists[name] ?? [], more: 0 });
  asked.push(`${name}${rest}`);
  return answer(502, { type: "urn:ambit:problem:gate_broken", title: "-", status: 502, detail: "no whole answer" });
});
await new Promise<void>((resolve) => server.listen(socket, resolve));
const store = openEvents(join(folder, "events.sqlite"));
const link = new HostLink(socket);

after(() => {
  server.close();
  server.closeAllConnections();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  [lists, asked, hanging] = [{ good: [], evil: [] }, [], new Set()];
});

/** What is new of a chain comes when a test says so. */
class Told extends EventPuller {
  tell: (deployment: string, event: string) => void = () => undefined;
  override onEntries(listener: (deployment: string, entries: readonly ChainEntry[]) => void): () => void {
    this.tell = (deployment, event) =>
      listener(deployment, [{ v: 1, seq: 1, at: "2026-01-01T00:00:00Z", event, detail: {} }]);
    return () => undefined;
  }
}

/** An inbox that somebody watches, and its next piece. */
function open() {
  const puller = new Told(link, store, () => undefined);
  const reader = readInbox(new Inbox(link, puller), () => true);
  const next = () => reader.next({ until: (subscribe) => new Promise((resolve) => subscribe(() => resolve(true))) });
  return { puller, end: reader.end, next };
}

test("a call whose id is no id is not shown, and its gate is named, so that what it holds ends no stream", async () => {
  lists = { good: [view], evil: [{ ...view, callId: "call 1\u00e9/../x" }] };
  const { end, next } = open();
  let piece = await next();
  while (!piece.includes("event: state")) piece += await next();
  end();
  assert.match(piece, /event: approval\ndata: \{"deployment":"good"/);
  assert.match(piece, /event: state\ndata: \{"unreachable":\[\{"deployment":"evil"/);
  assert.ok(!piece.includes("call 1"), piece);
});

test("a gate that lists a hundred calls and then knows none of them is asked about one, not a hundred", async () => {
  const many = Array.from({ length: 100 }, (_, n) => ({ ...view, callId: `call_${String(n).padStart(8, "0")}` }));
  lists = { good: [], evil: many };
  const first = open();
  assert.equal((await first.next()).match(/event: approval/g)?.length, 100);
  lists = { good: [view], evil: [] };
  first.puller.tell("evil", "call_denied");
  first.puller.tell("good", "call_held");
  while (!(await first.next()).includes('"deployment":"good"'));
  first.end();
  assert.ok(asked.length >= 1 && asked.length <= 3, String(asked.length));
});

test("a gate that hangs keeps nobody from being told what another one holds", async () => {
  const { puller, end, next } = open();
  await next();
  hanging.add("evil");
  puller.tell("evil", "call_held");
  lists = { good: [view], evil: [] };
  const began = performance.now();
  // While the other one is being asked.
  setTimeout(() => puller.tell("good", "call_held"), 50);
  while (!(await next()).includes('"deployment":"good"'));
  assert.ok(performance.now() - began < 2500);
  end();
});
