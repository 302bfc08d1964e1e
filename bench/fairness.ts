// Does a user who floods take the gate from the others? A quiet user has a conversation, one short turn after the other,
// alone and while another user opens conversations on 64 connections as fast as it is answered and heeds no refusal; the
// two are measured in turns, so that noise falls on both. The flood is a process of its own (bench/flood.ts).
// Usage: node bench/fairness.ts [--quick] [--rounds N]
import { setTimeout as pause } from "node:timers/promises";
import { freshState } from "../claims/fresh-state.ts";
import { setNotesStage } from "../claims/notes-stage.ts";
import { endChild, spawnTied } from "../src/cli/child.ts";
import { bench } from "./bench.ts";
import { row, type Row } from "./result.ts";
import { spread } from "./statistics.ts";

const connections = 64;
/** Turns that are measured in one go, alone or in the flood. */
const turnsAtOnce = 25;

await bench({
  name: "fairness",
  question: "How much longer does a quiet user wait while another one floods?",
  sizes: { rounds: 8 },
  quick: { rounds: 2 },
  fixed: { connections, turnsAtOnce },
  measure,
});

async function measure({ rounds }: { rounds: number }): Promise<{ rows: Row[] }> {
  const state = freshState();
  const limits = "limits: { messages_per_user: 1000/min }";
  const { stage } = await setNotesStage(state.folder, "notes", undefined, undefined, limits);
  const samples: { alone: number[]; flooded: number[]; ratio: number[] } = { alone: [], flooded: [], ratio: [] };
  let thread: string | undefined;
  const turns = async (count: number): Promise<number[]> => {
    const ms: number[] = [];
    for (let n = 0; n < count; n++) {
      const began = performance.now();
      const answer = await stage.client.say("hello", thread);
      ms.push(performance.now() - began);
      if (answer.state !== "done") throw new Error(`turn ended as ${answer.state}: ${answer.reply}`);
      thread = answer.thread;
    }
    return ms;
  };
  try {
    await turns(20);
    for (let n = 0; n < rounds; n++) {
      thread = undefined;
      const alone = await turns(turnsAtOnce);
      const flags = ["--url", `${stage.url}/d/notes/v1/messages`, "--token", stage.token];
      const more = ["--connections", String(connections)];
      const child = spawnTied("bench/flood.ts", [...flags, ...more], process.env, "inherit");
      await pause(1500);
      const flooded = await turns(turnsAtOnce).finally(() => endChild(child, 1000));
      await pause(2000);
      samples.alone.push(...alone);
      samples.flooded.push(...flooded);
      samples.ratio.push(spread(flooded).p50 / spread(alone).p50);
    }
  } finally {
    await stage.stop();
    state.remove();
  }
  const what = "a quiet user's plain turn";
  return {
    rows: [
      row(what, "ambit, alone", "ms", samples.alone),
      row(what, "ambit, while another floods", "ms", samples.flooded),
      row("as long while another floods, median of a round", "ambit", "times", samples.ratio),
    ],
  };
}
