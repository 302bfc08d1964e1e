// Plain turns under fire: messages are sent, some with a tool call in their turn, and at a random moment the gate, the
// broker, the front or the whole host is ended by SIGKILL. Every message that was acknowledged gets its answer, each
// message opens one turn however often it was sent again, and no tool call is made twice.
// Usage: node claims/kill-turns.ts --kills 200 [--seed N]
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { TurnAnswer } from "../src/controls/wire/gate.ts";
import { KillStage, type Victim } from "./kill-stage.ts";
import { readNotes, setNotesStage } from "./notes-stage.ts";
import { seededRandom } from "./seeded-random.ts";

const victims: readonly Victim[] = ["gate", "broker", "front", "host"];
const windowMs = 60;
const messagesPerKill = 4;

export interface TurnKills {
  readonly kills: number;
  readonly messages: number;
  /** Messages whose turn ended well. */
  readonly answered: number;
  /** Tool calls that the server saw; at most one for each message that asks for one. */
  readonly calls: number;
  readonly calledTwice: string[];
  /** Asked for, never seen by the server, and not told to be unknown. */
  readonly lost: string[];
  /** Told as unknown: cut between the broker and the server. */
  readonly unknown: number;
  readonly faults: string[];
}

/** Kills `count` times, with a few messages under way each time. */
export async function killTurns(count: number, seed: number, log: (text: string) => void): Promise<TurnKills> {
  const random = seededRandom(seed);
  const kill = await KillStage.open(async (state) => (await setNotesStage(state)).stage);
  const answers: { key: string; answer: TurnAnswer }[] = [];
  try {
    for (let n = 1; n <= count; n++) {
      const victim = victims[n % victims.length] ?? "gate";
      const pids = await statusWhenReady(kill);
      const sent = Array.from({ length: messagesPerKill }, (_, m) => sayOnce(kill, `n${n}m${m}`, m % 2 === 0));
      await pause(random() * windowMs);
      await kill.kill(victim, pids);
      await kill.recover(victim);
      answers.push(...(await Promise.all(sent)));
      log(JSON.stringify({ n, victim, states: answers.slice(-messagesPerKill).map(({ answer }) => answer.state) }));
    }
    return judge(count, answers, readNotes(kill.stage));
  } finally {
    await kill.close();
  }
}

async function statusWhenReady(kill: KillStage): Promise<Record<string, number>> {
  const parts = ["gate", "broker", "front"];
  for (;;) {
    const pids = await kill.pids().catch(() => ({}) as Record<string, number>);
    if (parts.every((part) => pids[part] !== undefined)) return pids;
    await pause(20);
  }
}

/** Sends with one key until it is accepted, then waits for the answer. */
async function sayOnce(kill: KillStage, key: string, withCall: boolean): Promise<{ key: string; answer: TurnAnswer }> {
  const text = withCall ? `call the tool note with {"text":"${key}"}` : `hello ${key}`;
  const { client } = kill.stage;
  const accepted = await client.send(text, undefined, key);
  return { key: withCall ? key : "", answer: await client.follow(accepted.thread, accepted.turn) };
}

function judge(kills: number, answers: { key: string; answer: TurnAnswer }[], notes: readonly string[]): TurnKills {
  const seen = new Map<string, number>();
  for (const line of notes) seen.set(line, (seen.get(line) ?? 0) + 1);
  const calledTwice = [...seen].filter(([, times]) => times > 1).map(([key]) => key);
  const asked = answers.filter(({ key }) => key !== "");
  const unknown = asked.filter(({ answer }) => /not known|unknown/i.test(answer.reply));
  const lost = asked.filter((one) => !seen.has(one.key) && !unknown.includes(one)).map(({ key }) => key);
  const answered = answers.filter(({ answer }) => answer.state === "done").length;
  const faults = [
    ...calledTwice.map((key) => `called twice: ${key}`),
    ...lost.map((key) => `never called: ${key}`),
    ...answers
      .filter(({ answer }) => answer.state !== "done")
      .map(({ answer }) => `not answered: ${JSON.stringify(answer)}`),
  ];
  const calls = [...seen.values()].reduce((sum, times) => sum + times, 0);
  return { kills, messages: answers.length, answered, calls, calledTwice, lost, unknown: unknown.length, faults };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { kills: { type: "string", default: "200" }, seed: { type: "string", default: "1" } },
  });
  const result = await killTurns(Number(values.kills), Number(values.seed), console.log);
  console.log(JSON.stringify(result));
  console.log(`${result.messages - result.faults.length} passed, ${result.faults.length} failed`);
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
