// What does the whole boundary add to a turn? The same scripted model and the same tool server are asked by a plain script
// (keep-alive, MCP client, nothing in between) and through Ambit (front, gate, Ledger, broker, durable journal and
// audit), turn by turn in the same run, beside a bare fsync on the same disk.
// Usage: node bench/turn.ts [--quick] [--rounds N]
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { runBareLoop } from "../examples/payables-clerk/bare-loop.ts";
import { setNotesStage } from "../claims/notes-stage.ts";
import { freshState } from "../claims/fresh-state.ts";
import { bench } from "./bench.ts";
import { openDisk } from "./machine.ts";
import { row, type Row } from "./result.ts";
import { differences, interleave, spread } from "./statistics.ts";

/**
 * A conversation keeps its history and its connection to the tool server. Each measured conversation first makes one call
 * that is timed apart (it connects and compares the pins), then a few turns of each kind, so that prompts stay short.
 */
const turnsPerThread = 7;
const warm = 20;
const toolText = `call the tool note with {"text":"bench"}`;

await bench({
  name: "turn",
  question: "What does the whole boundary add to a turn of an agent?",
  sizes: { rounds: 300 },
  quick: { rounds: 40 },
  fixed: { turnsPerThread },
  measure,
});

async function measure({ rounds }: { rounds: number }): Promise<{ rows: Row[] }> {
  const state = freshState();
  const { stage, model, tools } = await setNotesStage(state.folder);
  const disk = openDisk();
  const client = new Client({ name: "bench", version: "1" });
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(tools)));
    // The plain script knows its tools; it would be no fair baseline if it listed them every turn.
    const listed = await client.listTools();
    const known = { listTools: async () => listed, callTool: client.callTool.bind(client) } as unknown as Client;
    let thread: string | undefined;
    let turns = 0;
    const firstCalls: number[] = [];
    const ambit = async (text: string) => {
      const answer = await stage.client.say(text, thread);
      if (answer.state !== "done") throw new Error(`turn ended as ${answer.state}: ${answer.reply}`);
      thread = answer.thread;
      turns++;
    };
    const begin = async () => {
      if (turns % turnsPerThread === 0) thread = undefined;
      if (thread !== undefined) return;
      const began = performance.now();
      await ambit(toolText);
      firstCalls.push(performance.now() - began);
    };
    const bare = async (text: string) => {
      const asked = { url: model, name: "scripted-demo", key: "none" };
      await runBareLoop({ model: asked, client: known, bind: {}, instructions: "Keep notes.", text, maxSteps: 5 });
    };
    const ms = await interleave(
      {
        begin,
        barePlain: () => bare("hello"),
        ambitPlain: () => ambit("hello"),
        bareTool: () => bare(toolText),
        ambitTool: () => ambit(toolText),
        fsync: disk.fsync,
      },
      rounds,
      warm,
    );
    return { rows: rowsOf(ms, firstCalls.slice(Math.ceil(warm / (turnsPerThread - 1)))) };
  } finally {
    await client.close();
    disk.close();
    await stage.stop();
    state.remove();
  }
}

type Samples = Record<"barePlain" | "ambitPlain" | "bareTool" | "ambitTool" | "fsync", number[]>;

function rowsOf({ barePlain, ambitPlain, bareTool, ambitTool, fsync }: Samples, firstCalls: number[]): Row[] {
  const script = "a plain script";
  const [plain, tool] = [differences(ambitPlain, barePlain), differences(ambitTool, bareTool)];
  const call = differences(tool, plain);
  const { p50 } = spread(fsync);
  const inFsyncs = (samples: number[]) => samples.map((value) => value / p50);
  return [
    row("a plain turn", "ambit", "ms", ambitPlain),
    row("a plain turn", script, "ms", barePlain),
    row("added to a plain turn", "ambit", "ms", plain),
    row("added to a plain turn", "ambit, in bare fsyncs", "fsyncs", inFsyncs(plain)),
    row("a turn with one tool call", "ambit", "ms", ambitTool),
    row("a turn with one tool call", script, "ms", bareTool),
    row("added to a turn with one tool call", "ambit", "ms", tool),
    row("added by the call alone", "ambit", "ms", call),
    row("added by the call alone", "ambit, in bare fsyncs", "fsyncs", inFsyncs(call)),
    ...(firstCalls.length > 0 ? [row("the first call of a conversation", "ambit", "ms", firstCalls)] : []),
    row("an fsync of 4 KiB", "the disk", "ms", fsync),
  ];
}
