// The stage on which the audit is tampered with: a host of one's own that can be ended, edited on disk and started again,
// with a deployment whose one tool waits for a person.
import { strict as assert } from "node:assert";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import type { ApprovalView } from "../src/controls/wire/gate.ts";
import { chainId, genesis, type Standing } from "../src/controls/audit/chain.ts";
import { linkAfter, type ChainEntry } from "../src/controls/audit/entry.ts";
import { ExportVerifier, type Verdict } from "../src/controls/audit/verify.ts";
import { isSigned } from "../src/cli/audit.ts";
import { exportLines, readKey, type AskHost } from "../src/host/audit-export.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { startHost, type RunningHost } from "../src/cli/host-process.ts";
import { findGatePlaces, findPlaces } from "../src/host/supervisor/places.ts";
import { askAtDoor } from "./at-door.ts";
import { freshState } from "./fresh-state.ts";
import { setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

export const state = freshState();
export const places = findPlaces(state.folder, process.getuid?.() ?? 0, process.env);
const tools = "{ note: { effect: outward, impact: publish, authority: [text] } }";
let host: RunningHost | undefined;
let listen = "";
let small: SmallStage | undefined;

export const name = "audited";

/** Starts Ambit with the deployment, which then does a little of everything. */
export async function open(): Promise<void> {
  listen = await findFreeAddress();
  host = await startHost({ state: state.folder, listen }, () => undefined);
  small = await setNotesStage(state.folder, name, host, tools);
  await askAndDecide("yes", "approve");
  await askAndDecide("no", "deny");
  assert.equal(await askAtDoor(state.folder, name, "https://evil.example/"), "host_not_allowed");
  await ask("POST", `/v1/deployments/${name}/freeze`, { by: "eve", reason: "a look" });
  const refused = await fetch(`${small.stage.url}/d/${name}/v1/threads/x/turns/1`);
  assert.equal(refused.status, 503);
  await ask("POST", `/v1/deployments/${name}/thaw`, { by: "eve" });
  // What front and broker refused is written a moment later.
  await pause(600);
}

/** Another deployment on the same host, with a held call in its chain; ends with it. */
export async function openOther(other: string): Promise<void> {
  assert.ok(host);
  const { stage } = await setNotesStage(state.folder, other, host, tools);
  await stage.client.say(`call the tool note with {"text":"elsewhere"}`);
  await stage.stop();
}

export async function close(): Promise<void> {
  await small?.stage.stop();
  await host?.stop();
  state.remove();
}

let undo = (): void => undefined;

/** Ends Ambit, puts right what was edited before, has its files edited, starts it again. */
export async function whileStopped(change: () => () => void): Promise<void> {
  await host?.stop();
  undo();
  undo = change();
  host = await startHost({ state: state.folder, listen }, () => undefined);
}

/** SIGKILL to the supervisor, which takes everything with it, and a new start. */
export async function killAll(): Promise<void> {
  const child = host?.child;
  child?.kill("SIGKILL");
  while (child !== undefined && child.exitCode === null && child.signalCode === null) await pause(5);
  host = await startHost({ state: state.folder, listen }, () => undefined);
}

/** A message that is not waited for. */
export function sendOnly(text: string): void {
  void (small as SmallStage).stage.client.say(text).catch(() => undefined);
}

/** A message whose call waits, and a person's word on it. Returns the turn's last answer. */
export async function askAndDecide(text: string, decision: "approve" | "deny"): Promise<string> {
  const { client } = (small as SmallStage).stage;
  const turn = await client.say(`call the tool note with {"text":"${text}"}`);
  const callId = turn.held[0]?.callId ?? assert.fail(turn.reply);
  const path = `/v1/deployments/${name}/gate/control/approvals/${callId}`;
  const held = (await ask("GET", path)) as ApprovalView;
  await ask("POST", path, { decision, actionHash: held.actionHash, by: "editor@acme.example", note: "" });
  for (let tries = 0; tries < 400; tries++) {
    const now = await client.follow(turn.thread, turn.turn);
    if (now.state !== "waiting") return now.reply;
    await pause(25);
  }
  return assert.fail("the turn still waits");
}

export const ask: AskHost = async (method, path, body) => {
  const answer = await askControl(state.folder, method, path, { body });
  assert.ok(answer.status < 400, JSON.stringify(answer.body));
  return answer.body;
};

export interface Exported {
  readonly file: Buffer;
  readonly key: string;
  /** Event words of each chain, in order. */
  readonly events: Readonly<Record<string, string[]>>;
}

const failLost = (writer: string, why: string): never => assert.fail(`${writer}: ${why}`);

/** A real export, once all that is there is signed. */
export async function takeExport(of: string = name): Promise<Exported> {
  const key = await readKey(ask, of);
  const lines = await Array.fromAsync(exportLines(ask, of, key, undefined, new Date().toISOString(), failLost));
  const events: Record<string, string[]> = { admin: [], broker: [], front: [], gate: [] };
  for (const line of lines) {
    const { kind, chain, entry } = JSON.parse(line) as { kind: string; chain: string; entry: ChainEntry };
    if (kind === "entry") events[chain]?.push(entry.event);
  }
  return { file: Buffer.from(lines.map((line) => `${line}\n`).join("")), key, events };
}

/** What `./ambit audit verify NAME` judges: live, against the broker's key and memory. */
export async function verifyLive(): Promise<Verdict> {
  const key = await readKey(ask, name);
  const verifier = new ExportVerifier({ key, deployment: name, isSigned });
  for await (const line of exportLines(ask, name, key, undefined, new Date().toISOString(), failLost))
    verifier.push(Buffer.from(line));
  return verifier.end(Buffer.alloc(0));
}

/** Waits until every entry of the gate is signed; then an edit cannot hide behind what was not. */
export async function untilSigned(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const verdict = await verifyLive();
    assert.ok(verdict.ok, JSON.stringify(verdict));
    const { to, signed } = verdict.report.chains.gate;
    if (to === signed) return to;
    await pause(50);
  }
  return assert.fail("the gate's chain is not signed");
}

/** The database file of a deployment's Ledger. Only while nothing runs. */
export function ledgerFile(of: string = name): string {
  const folder = join(findGatePlaces(places, of).data, `${of}-Ledger`);
  const file = readdirSync(folder).find((one) => /^[0-9a-f]+\.sqlite$/.test(one));
  return join(folder, file ?? assert.fail(`no Ledger in ${folder}: ${readdirSync(folder).join()}`));
}

/** Edits the rows of some tables; returns what puts them back as they were. Only while nothing runs. */
export function editRows(file: string, tables: readonly string[], work: (db: DatabaseSync) => void): () => void {
  const db = new DatabaseSync(file);
  const saved = tables.map((table) => [table, db.prepare(`select * from ${table}`).all()] as const);
  work(db);
  db.close();
  return () => {
    const again = new DatabaseSync(file);
    for (const [table, rows] of saved) {
      again.exec(`delete from ${table}`);
      for (const row of rows) {
        const values = Object.values(row);
        again.prepare(`insert into ${table} values (${values.map(() => "?").join()})`).run(...values);
      }
    }
    again.close();
  };
}

/** Edits the first entry of our chain in another process's database; returns what undoes just that. */
export function editFirst(file: string): () => void {
  const replace = (from: string, to: string): void => {
    const db = new DatabaseSync(file);
    db.exec(
      `update chain_entries set entry = replace(entry, '"at":"${from}', '"at":"${to}') where seq = 1 and deployment = '${name}'`,
    );
    db.close();
  };
  replace("2", "1");
  return () => replace("1", "2");
}

/** Computes digests and heads anew from what the entries of a Ledger say now, as a gate that was taken over would. */
export function rehash(db: DatabaseSync): void {
  let at: Standing = genesis(chainId(name, "gate"));
  for (const row of db.prepare("select seq, entry from entries order by seq").all()) {
    const { seq: _seq, ...body } = JSON.parse(String(row["entry"])) as ChainEntry;
    const { text, digest, standing } = linkAfter(at, body);
    const values = [text, digest, standing.head, row["seq"] ?? 0];
    db.prepare("update entries set entry = ?, digest = ?, head = ? where seq = ?").run(...values);
    at = standing;
  }
}
