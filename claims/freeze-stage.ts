// The stage on which the freeze switch is tried: a deployment, and ways to each of the three places behind the supervisor's
// back: its Ledger through the operator's own socket, the broker's control socket, the mark that front looks at, and the door
// that only its gate can open.
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { askControl } from "../src/cli/ask-host.ts";
import type { ApprovalView, TurnAnswer } from "../src/controls/wire/gate.ts";
import { findPlaces } from "../src/host/supervisor/places.ts";
import { askAtDoor } from "./at-door.ts";
import { freshState } from "./fresh-state.ts";
import { setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

export const name = "switched";
export const state = freshState();
export const places = findPlaces(state.folder, process.getuid?.() ?? 0, process.env);
const tools =
  "{ note: { effect: local, payload: [text] }, announce: { effect: outward, impact: publish, authority: [text] } }";
let set: Promise<SmallStage> | undefined;

/** Sets the stage when the first test needs it. */
export function open(): Promise<SmallStage> {
  set ??= setNotesStage(state.folder, name, undefined, tools);
  return set;
}

export async function close(): Promise<void> {
  await (await set)?.stage.stop();
  state.remove();
}

export const note = (text: string): string => `call the tool note with {"text":"${text}"}`;
export const eve = { by: "eve", reason: "looks odd", at: "2026-01-02T03:04:05Z" };

/** Freezes everywhere; a gate that was too busy to answer at once is asked again. */
export async function freeze(): Promise<void> {
  const body = { by: "eve", reason: "looks odd" };
  const everywhere = { front: "frozen", broker: "frozen", ledger: "frozen" };
  for (let tries = 0; ; tries++) {
    const { status, body: answer } = await askControl(state.folder, "POST", `/v1/deployments/${name}/freeze`, { body });
    const { places: told } = answer as { places: { ledger: string } };
    if (told.ledger !== "frozen" && tries < 10) continue;
    return assert.deepEqual([status, told], [200, everywhere]);
  }
}

export async function thaw(): Promise<void> {
  const body = { by: "ops" };
  const { status, body: answer } = await askControl(state.folder, "POST", `/v1/deployments/${name}/thaw`, { body });
  assert.equal(status, 200, JSON.stringify(answer));
}

export async function tellLedger(what: "freeze" | "thaw", body: object): Promise<void> {
  await (await open()).stage.ask("POST", `control/${what}`, body);
}

export function tellBroker(method: string): Promise<number> {
  const socketPath = places.broker.control;
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: `/deployments/${name}/frozen`, method }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.once("error", reject).end();
  });
}

/** A message as any channel sends it: the status, with the type of its problem. */
export async function say(text: string): Promise<string> {
  const { url, token } = (await open()).stage;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=20" };
  const body = JSON.stringify({ user: "amy", text });
  const answer = await fetch(`${url}/d/${name}/v1/messages`, { method: "POST", headers, body });
  const { type = "" } = (await answer.json()) as { type?: string };
  return `${answer.status} ${type}`.trim();
}

/** The broker's reason for refusing, or the status it answered with, at the door that only the gate can open. */
export function askDoor(method: string, url: string, headers: Record<string, string> = {}): Promise<string> {
  return askAtDoor(state.folder, name, url, { method, headers });
}

export async function held(text: string): Promise<TurnAnswer> {
  const turn = await (await open()).stage.client.say(`call the tool announce with {"text":"${text}"}`);
  assert.equal(turn.state, "waiting", turn.reply);
  return turn;
}

export async function decide(turn: TurnAnswer, decision: "approve" | "deny"): Promise<number> {
  const callId = turn.held[0]?.callId ?? "";
  const { actionHash } = await (await open()).stage.ask<ApprovalView>("GET", `control/approvals/${callId}`);
  const body = { decision, actionHash, by: "bob", note: "" };
  const path = `/v1/deployments/${name}/gate/control/approvals/${callId}`;
  return (await askControl(state.folder, "POST", path, { body })).status;
}

export async function end(turn: TurnAnswer): Promise<TurnAnswer> {
  for (let tries = 0; tries < 400; tries++) {
    const now = await (await open()).stage.client.follow(turn.thread, turn.turn);
    if (now.state !== "waiting") return now;
    await pause(25);
  }
  throw new Error(`turn ${turn.turn} still waits`);
}

/** `./ambit` as a person types it. */
export function ambit(...words: string[]): { status: number | null; text: string } {
  const argv = ["src/cli/main.ts", ...words, "--state", state.folder];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 30_000 });
  return { status, text: stdout + stderr };
}
