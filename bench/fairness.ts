// Does a user who floods take the gate from the others? A quiet user has a conversation, one short turn after the other,
// alone and while another user opens conversations on 64 connections as fast as it is answered and heeds no refusal; the
// two are measured in turns, so that noise falls on both. The flood is a process of its own.
// Usage: node bench/fairness.ts [--rounds N]
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freshState } from "../claims/fresh-state.ts";
import { setNotesStage } from "../claims/notes-stage.ts";
import { endChild, spawnTied } from "../src/cli/child.ts";
import { keepResult } from "./machine.ts";
import { round, spread } from "./statistics.ts";

const connections = 64;
/** Turns that are measured in one go, alone or in the flood. */
const turnsAtOnce = 25;

const options = {
  rounds: { type: "string", default: "8" },
  flood: { type: "string" },
  token: { type: "string", default: "" },
} as const;
const { values } = parseArgs({ options });
if (values.flood === undefined) await measure(Number(values.rounds));
else await flood(values.flood, values.token);

async function measure(rounds: number): Promise<void> {
  const state = freshState();
  const { stage } = await setNotesStage(
    state.folder,
    "notes",
    undefined,
    undefined,
    "limits: { messages_per_user: 1000/min }",
  );
  const samples: { alone: number[]; flooded: number[] } = { alone: [], flooded: [] };
  let thread: string | undefined;
  const turns = async (count: number, into: number[]) => {
    for (let n = 0; n < count; n++) {
      const began = performance.now();
      const answer = await stage.client.say("hello", thread);
      into.push(performance.now() - began);
      if (answer.state !== "done") throw new Error(`turn ended as ${answer.state}: ${answer.reply}`);
      thread = answer.thread;
    }
  };
  try {
    await turns(20, []);
    for (let n = 0; n < rounds; n++) {
      thread = undefined;
      await turns(turnsAtOnce, samples.alone);
      const url = `${stage.url}/d/notes/v1/messages`;
      const child = spawnTied("bench/fairness.ts", ["--flood", url, "--token", stage.token], process.env, "inherit");
      await pause(1500);
      await turns(turnsAtOnce, samples.flooded);
      await endChild(child, 1000);
      await pause(2000);
    }
  } finally {
    await stage.stop();
    state.remove();
  }
  const table = { alone: spread(samples.alone), flooded: spread(samples.flooded) };
  const ratio = {
    p50: round(table.flooded.p50 / table.alone.p50),
    p99: round(table.flooded.p99 / table.alone.p99),
  };
  console.table(table);
  console.log(`while another floods, a quiet user's turn takes ${ratio.p50} times as long at p50, ${ratio.p99} at p99`);
  keepResult("fairness", { rounds, connections, turnsAtOnce, table, ratio });
}

/** New conversations of another user, without end and without heed; ended by whoever started it. */
async function flood(url: string, token: string): Promise<void> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const lane = async () => {
    for (;;) {
      const body = JSON.stringify({ user: "bob", text: "hello", thread: randomUUID() });
      const response = await fetch(url, { method: "POST", headers, body }).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
}
