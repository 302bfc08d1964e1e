// What does the whole boundary add to a turn? The same scripted model and the same tool server are asked by a plain script
// (keep-alive, MCP client, nothing in between) and through Ambit (front, gate, Ledger, broker, durable journal and
// audit), turn by turn in the same run, beside a bare fsync on the same disk.
// Usage: node bench/turn.ts [--rounds N]
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { runBareLoop } from "../examples/payables-clerk/bare-loop.ts";
import { setNotesStage } from "../claims/notes-stage.ts";
import { freshState } from "../claims/fresh-state.ts";
import { interleave, round, spread } from "./statistics.ts";
import { keepResult } from "./machine.ts";

/**
 * A conversation keeps its history and its connection to the tool server. Each measured conversation first makes one call
 * that is timed apart (it connects and compares the pins), then a few turns of each kind, so that prompts stay short.
 */
const turnsPerThread = 7;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "300" } } });
const rounds = Number(values.rounds);
const state = freshState();
const { stage, model, tools } = await setNotesStage(state.folder);
const folder = mkdtempSync(join(tmpdir(), "ambit-fsync-"));
try {
  const client = new Client({ name: "bench", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(tools)));
  // The plain script knows its tools; it would be no fair baseline if it listed them every turn.
  const listed = await client.listTools();
  const known = { listTools: async () => listed, callTool: client.callTool.bind(client) } as unknown as Client;
  const file = openSync(join(folder, "f"), "w");
  let thread: string | undefined;
  let turns = 0;
  const ambit = async (text: string) => {
    const answer = await stage.client.say(text, thread);
    if (answer.state !== "done") throw new Error(`turn ended as ${answer.state}: ${answer.reply}`);
    thread = answer.thread;
    turns++;
  };
  const bare = async (text: string) => {
    const asked = { url: model, name: "scripted-demo", key: "none" };
    await runBareLoop({ model: asked, client: known, bind: {}, instructions: "Keep notes.", text, maxSteps: 5 });
  };
  const toolText = `call the tool note with {"text":"bench"}`;
  const samples = await interleave(
    {
      "ambit first call": async () => {
        if (turns % turnsPerThread === 0) thread = undefined;
        if (thread === undefined) await ambit(toolText);
      },
      "bare plain": () => bare("hello"),
      "ambit plain": () => ambit("hello"),
      "bare tool": () => bare(toolText),
      "ambit tool": () => ambit(toolText),
      fsync: async () => {
        writeSync(file, Buffer.alloc(4096));
        fsyncSync(file);
      },
    },
    rounds,
    20,
  );
  closeSync(file);
  await client.close();
  report(samples);
} finally {
  await stage.stop();
  state.remove();
  rmSync(folder, { recursive: true, force: true });
}

function report(all: Record<string, number[]>): void {
  // Rounds in which no conversation began took no time.
  const samples = { ...all, "ambit first call": (all["ambit first call"] ?? []).filter((ms) => ms > 1) };
  const table = Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, spread(list)]));
  const p50 = (name: string) => table[name]?.p50 ?? Number.NaN;
  const added = {
    plain: round(p50("ambit plain") - p50("bare plain")),
    tool: round(p50("ambit tool") - p50("bare tool")),
    /** What one call costs on top of a plain turn. */
    call: round(p50("ambit tool") - p50("bare tool") - (p50("ambit plain") - p50("bare plain"))),
  };
  const inFsyncs = { plain: round(added.plain / p50("fsync")), call: round(added.call / p50("fsync")) };
  console.table(table);
  console.log(
    `added, p50 ms: plain turn ${added.plain}, turn with one call ${added.tool}, the call alone ${added.call}`,
  );
  console.log(`in bare fsyncs of the same disk: plain turn ${inFsyncs.plain}, the call alone ${inFsyncs.call}`);
  keepResult("turn", { rounds, turnsPerThread, table, added, inFsyncs });
}
