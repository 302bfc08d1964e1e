// Admin is ended by SIGKILL and kept dead while people chat and decide held calls over the operator's socket: all of it goes on,
// and afterwards admin's index is the chains, entry by entry, as `./ambit audit export` takes them out. It is kept dead the way
// it would be in life: its port is taken by somebody else, so each of its starts ends.
// Usage: node claims/admin-killed.ts --minutes 10 --chats 6 --seed 1
import { createServer, type Server } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { spread, type Spread } from "../bench/statistics.ts";
import { mint } from "../src/admin/fixtures/stand.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { writers, type Writer } from "../src/controls/audit/chain.ts";
import { canonicalJson } from "../src/controls/manifest/hash.ts";
import type { HostStatus } from "../src/controls/wire/control.ts";
import type { ApprovalList } from "../src/controls/wire/gate.ts";
import { exportLines, readKey, type AskHost } from "../src/host/audit-export.ts";
import { freshState } from "./fresh-state.ts";
import { setNotesStage } from "./notes-stage.ts";
import { seededRandom } from "./seeded-random.ts";
import type { SmallStage } from "./small-stage.ts";

const name = "inbox";
const tools = "{ note: { effect: outward, impact: publish, authority: [text], review: { by: editors } } }";
const people = 'approvers: { editors: ["editor@acme.example"] }';
const readMs = 150;

export interface AdminKilled {
  readonly deadMs: number;
  /** Messages whose turn ended well while admin was dead, and how long they took. */
  readonly answered: number;
  readonly chatMs: Spread;
  /** Held calls that were decided meanwhile. */
  readonly decided: number;
  /** From admin's return until its index had followed every chain. */
  readonly catchUpMs: number;
  /** Entries that were compared, by chain. */
  readonly compared: Record<string, number>;
  readonly faults: string[];
}

/** Sets a stage, kills admin, keeps it dead for `deadMs` under load, and compares its index with the chains. */
export async function killAdmin(deadMs: number, chats: number, seed: number): Promise<AdminKilled> {
  const state = freshState();
  const small = await setNotesStage(state.folder, name, undefined, tools, people).catch((thrown: unknown) => {
    state.remove();
    throw thrown;
  });
  try {
    return await killAdminOf(small, state.folder, deadMs, chats, seed);
  } finally {
    await small.stage.stop();
    state.remove();
  }
}

/** The same on a stage that stands already, with `note` reviewed by `editor@acme.example`. */
export async function killAdminOf(
  small: SmallStage,
  state: string,
  deadMs: number,
  chats: number,
  seed: number,
): Promise<AdminKilled> {
  const { admin } = small.stage.host;
  const index = new IndexReader(admin, await mint(state, "viewer", "vera"));
  const faults: string[] = [];
  await index.untilFollowed();
  const held = await keepDead(state, admin);
  const load = await runLoad(small, deadMs, chats, seed, faults);
  if (await isServing(admin)) faults.push("admin served while it was to be dead");
  await new Promise((resolve) => held.close(resolve));
  const back = performance.now();
  await index.untilFollowed();
  const catchUpMs = Math.round(performance.now() - back);
  const compared = await compare(state, index, faults);
  return { deadMs, ...load, catchUpMs, compared, faults };
}

/** Ends admin and takes its port; resolves when a start of it cannot succeed any more. */
async function keepDead(state: string, url: string): Promise<Server> {
  const { hostname, port } = new URL(url);
  for (;;) {
    const { body } = await askControl(state, "GET", "/v1/status");
    const { pid } = (body as HostStatus).processes.find((one) => one.name === "admin") ?? { pid: null };
    if (pid !== null) tryKill(pid);
    const server = createServer((socket) => socket.destroy());
    const isTaken = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(Number(port), hostname, () => resolve(true));
    });
    if (isTaken) return server;
    await pause(10);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It had ended.
  }
}

async function isServing(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function runLoad(small: SmallStage, deadMs: number, chats: number, seed: number, faults: string[]) {
  const random = seededRandom(seed);
  const until = performance.now() + deadMs;
  const chatMs: number[] = [];
  let [decided, talking] = [0, chats];
  const { url, token } = small.stage;
  const chat = async (n: number): Promise<void> => {
    const client = new ChannelClient(url, name, token, n % 2 === 0 ? "amy" : "bob");
    for (let m = 0; performance.now() < until; m++) {
      const began = performance.now();
      const asksTool = m % 3 === 2;
      const text = asksTool ? `call the tool note with {"text":"c${n}m${m}"}` : `hello ${m}`;
      const sent = await client.send(text);
      let answer = await client.follow(sent.thread, sent.turn);
      if (!asksTool) chatMs.push(performance.now() - began);
      // The other lane decides it.
      while (answer.state === "waiting") {
        await pause(50);
        answer = await client.follow(sent.thread, sent.turn);
      }
      if (answer.state !== "done") faults.push(`${text}: ${answer.state}: ${answer.reply}`);
      await pause(readMs * (0.5 + random()));
    }
    talking--;
  };
  const decide = async (): Promise<void> => {
    while (talking > 0) {
      const { approvals } = await small.stage.ask<ApprovalList>("GET", "control/approvals");
      for (const { callId, actionHash } of approvals) {
        const decision = random() < 0.8 ? "approve" : "deny";
        const body = { decision, actionHash, by: "editor@acme.example" };
        await small.stage.ask("POST", `control/approvals/${callId}`, body);
        decided++;
      }
      await pause(100);
    }
  };
  await Promise.all([...Array.from({ length: chats }, (_, n) => chat(n)), decide()]);
  return { answered: chatMs.length, decided, chatMs: spread(chatMs) };
}

interface Event {
  readonly id: string;
  readonly entry: { readonly seq: number };
  readonly head: string;
}

/** Admin's API, asked as a person would; it may be coming back. */
class IndexReader {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Waits until no chain is behind. */
  async untilFollowed(): Promise<void> {
    for (let tries = 0; tries < 1200; tries++) {
      const got = await this.#get("/v1/events/status").catch(() => undefined);
      const chains = (got?.body["chains"] ?? []) as { behind: number | null; fault: object | null }[];
      const fault = chains.find((chain) => chain.fault !== null)?.fault;
      if (fault !== undefined) throw new Error(JSON.stringify(fault));
      if (chains.length >= writers.length && chains.every(({ behind }) => behind === 0)) return;
      await pause(50);
    }
    throw new Error("the index does not come up with the chains");
  }

  /** All events of a chain, oldest first. */
  async all(chain: Writer): Promise<Event[]> {
    const found: Event[] = [];
    for (let next: string | undefined = `/v1/events?deployment=${name}&chain=${chain}&limit=200`; next;) {
      const { body, link } = await this.#get(next);
      found.push(...(body["events"] as Event[]));
      next = /<([^>]+)>; rel="next"/.exec(link)?.[1];
    }
    return found.toReversed();
  }

  async #get(path: string): Promise<{ body: Record<string, unknown>; link: string }> {
    for (;;) {
      const answer = await fetch(this.#url + path, { headers: { authorization: `Bearer ${this.#token}` } });
      if (answer.status === 429) await pause(1000 * Number(answer.headers.get("retry-after") ?? "1"));
      else if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      else return { body: (await answer.json()) as Record<string, unknown>, link: answer.headers.get("link") ?? "" };
    }
  }
}

/** What an export has, against what the index has; entries that came after the export was made are left out. */
async function compare(state: string, index: IndexReader, faults: string[]): Promise<Record<string, number>> {
  const ask: AskHost = async (method, path, body) => (await askControl(state, method, path, { body })).body;
  const truth = new Map<string, string[]>(writers.map((writer) => [writer, []]));
  const onLost = (writer: Writer, why: string): void => void faults.push(`${writer}: ${why}`);
  const key = await readKey(ask, name);
  for await (const text of exportLines(ask, name, key, undefined, new Date().toISOString(), onLost)) {
    const line = JSON.parse(text) as { kind: string; chain: string; entry: object; head: string };
    if (line.kind === "entry") truth.get(line.chain)?.push(canonicalJson({ entry: line.entry, head: line.head }));
  }
  await index.untilFollowed();
  const compared: Record<string, number> = {};
  for (const writer of writers) {
    const expected = truth.get(writer) ?? [];
    const events = (await index.all(writer)).map(({ entry, head }) => canonicalJson({ entry, head }));
    const at = expected.findIndex((text, n) => events[n] !== text);
    if (at >= 0) faults.push(`${writer} entry ${at + 1}: the chain has ${expected[at]}, the index ${events[at]}`);
    compared[writer] = expected.length;
  }
  return compared;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "10" },
      chats: { type: "string", default: "6" },
      seed: { type: "string", default: "1" },
    },
  });
  const result = await killAdmin(Number(values.minutes) * 60_000, Number(values.chats), Number(values.seed));
  console.log(JSON.stringify(result));
  console.log(result.faults.length === 0 ? "passed" : `${result.faults.length} failed`);
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
