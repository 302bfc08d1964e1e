// What do front and gate add to a plain chat? The same scripted model is asked bare, through `@portkey-ai/gateway` (a proxy that
// keeps nothing) and through Ambit's OpenAI face, in turn in the same run: one chat at a time for what is added, then many at
// once for how many a second. A turn of Ambit is on disk before it is answered, is limited and chained; a request that starts no
// turn shows what the way through front and gate costs alone, and the bare fsync beside it is the unit of the disk. The rival has
// an install script, which is not run and not needed: so it is no dependency of this project, and comes by its own lock,
// bench/rivals, when this runs.
// Usage: node bench/gateway.ts [--quick] [--rounds N] [--blocks N]
import { type ChildProcess, spawn } from "node:child_process";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { threadHeader } from "../src/controls/wire/gate.ts";
import { freshState } from "../claims/fresh-state.ts";
import { setNotesServer } from "../claims/notes-stage.ts";
import { setSmallStage, type SmallStage } from "../claims/small-stage.ts";
import { endChild, node } from "../src/cli/child.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { bench } from "./bench.ts";
import { openDisk, versionOf } from "./machine.ts";
import { row, type Rival, type Row } from "./result.ts";
import { bringRival } from "./rivals.ts";
import { differences, interleave } from "./statistics.ts";

const rivalName = "@portkey-ai/gateway";
const rivalVersion = "1.15.2";
const bareName = "the bare model";
/** A conversation that goes on keeps its history; after so many turns it begins anew, so that prompts stay short. */
const turnsPerThread = 7;
const atOnce = 16;
const perBlock = 320;
const chat = { model: "scripted-demo", messages: [{ role: "user", content: "hello" }] };
const agent = new Agent({ keepAlive: true, maxSockets: atOnce });

await bench({
  name: "gateway",
  question: "What do front and gate add to a plain chat, and how many at once?",
  sizes: { rounds: 300, blocks: 7 },
  quick: { rounds: 40, blocks: 2 },
  fixed: { perBlock, atOnce, turnsPerThread },
  measure,
});

async function measure(sizes: { rounds: number; blocks: number }): Promise<{ rows: Row[]; rivals: Rival[] }> {
  const state = freshState();
  const set = await setSmallStage({
    state: state.folder,
    name: "chat",
    tools: "{ note: { effect: local, payload: [text] } }",
    channels: `{ api: { users: ["*@bench.example"] } }`,
    server: setNotesServer,
  });
  const rival = await startRival();
  try {
    const ways = { ...waysOf(set), ...("url" in rival ? { rival: wayOfRival(rival.url, set.model) } : {}) };
    const single = await oneAtATime(ways, sizes.rounds);
    // Each new conversation keeps one of 500 places until it has been idle for a while.
    await pause(20_000);
    const rows = [...single, ...(await manyAtOnce(ways, sizes.blocks))];
    const asked = { name: rivalName, version: "version" in rival ? rival.version : rivalVersion };
    const reported: Rival =
      "url" in rival ? { ...asked, state: "measured" } : { ...asked, state: "absent", reason: rival.reason };
    return { rows, rivals: [reported] };
  } finally {
    if ("child" in rival) await endChild(rival.child, 2000);
    agent.destroy();
    await set.stage.stop();
    state.remove();
  }
}

/** Each asks once; `who` tells callers apart that ask at the same time. */
interface Ways {
  readonly bare: (who: number) => Promise<unknown>;
  readonly anew: (who: number) => Promise<unknown>;
  readonly goOn: (who: number) => Promise<unknown>;
  readonly noTurn: (who: number) => Promise<unknown>;
  readonly rival?: (who: number) => Promise<unknown>;
}

function waysOf({ stage, model }: SmallStage): Ways {
  const face = `${stage.url}/d/${stage.name}/v1`;
  const toAmbit = { authorization: `Bearer ${stage.token}` };
  const say = async (who: number, thread?: string) => {
    const headers = { ...toAmbit, ...(thread === undefined ? {} : { [threadHeader]: thread }) };
    const message = { ...chat, model: stage.name, user: `user${who}@bench.example` };
    const answer = await ask(`${face}/chat/completions`, headers, message);
    const { choices } = JSON.parse(answer.text) as { choices: { finish_reason: string }[] };
    if (choices[0]?.finish_reason !== "stop") throw new Error(`a turn did not end: ${answer.text}`);
    return String(answer.headers[threadHeader]);
  };
  const threads: { id: string; turns: number }[] = [];
  return {
    bare: () => ask(`${model}/chat/completions`, {}, chat),
    anew: (who) => say(who),
    goOn: async (who) => {
      const last = threads[who];
      const isOver = last === undefined || last.turns >= turnsPerThread;
      const id = await say(who, isOver ? undefined : last.id);
      threads[who] = { id, turns: isOver ? 1 : last.turns + 1 };
    },
    noTurn: () => ask(`${face}/models`, toAmbit),
  };
}

function wayOfRival(url: string, model: string): () => Promise<unknown> {
  const headers = { authorization: "Bearer none", "x-portkey-provider": "openai", "x-portkey-custom-host": model };
  return () => ask(`${url}/v1/chat/completions`, headers, chat);
}

async function oneAtATime({ bare, anew, goOn, noTurn, rival }: Ways, rounds: number): Promise<Row[]> {
  const disk = openDisk();
  const asked = { bare: () => bare(0), anew: () => anew(0), goOn: () => goOn(1), noTurn: () => noTurn(0) };
  const more: Record<string, () => unknown> = rival === undefined ? {} : { rival: () => rival(0) };
  const all: Record<string, () => unknown> = { ...asked, ...more, fsync: disk.fsync };
  const samples = await interleave(all, rounds, 30).finally(disk.close);
  const ms = (name: string): number[] => samples[name] ?? [];
  const [plain, fresh, added] = ["a plain chat", "a plain chat, new conversation", "added to a plain chat"];
  const ofRival = (what: string, of: (list: number[]) => number[]): Row[] =>
    rival === undefined ? [] : [row(what, rivalName, "ms", of(ms("rival")))];
  const addedBy = (list: number[]) => differences(list, ms("bare"));
  return [
    row(plain, "ambit", "ms", ms("goOn")),
    ...ofRival(plain, (list) => list),
    row(plain, bareName, "ms", ms("bare")),
    row(fresh, "ambit", "ms", ms("anew")),
    row("a request that starts no turn", "ambit", "ms", ms("noTurn")),
    row(added, "ambit", "ms", addedBy(ms("goOn"))),
    ...ofRival(added, addedBy),
    row("added to a plain chat, new conversation", "ambit", "ms", addedBy(ms("anew"))),
    row("an fsync of 4 KiB", "the disk", "ms", ms("fsync")),
  ];
}

/** How many a second of each, block by block in turn: `atOnce` callers, each asking one thing after the other. */
async function manyAtOnce({ bare, goOn, rival }: Ways, blocks: number): Promise<Row[]> {
  const all = { ambit: goOn, ...(rival === undefined ? {} : { [rivalName]: rival }), [bareName]: bare };
  const rows = Object.entries(all).map(([by, run]) => ({ by, run, perSecond: [] as number[], ms: [] as number[] }));
  for (let block = -1; block < blocks; block++) {
    for (const { run, perSecond, ms } of rows) {
      const taken = await runBlock(run);
      // The first block warms up.
      if (block < 0) continue;
      perSecond.push(taken.perSecond);
      ms.push(...taken.ms);
    }
  }
  return [
    ...rows.map(({ by, perSecond }) => row(`plain chats, ${atOnce} at once`, by, "per second", perSecond)),
    ...rows.map(({ by, ms }) => row(`a plain chat, ${atOnce} at once`, by, "ms", ms)),
  ];
}

async function runBlock(run: (who: number) => Promise<unknown>): Promise<{ perSecond: number; ms: number[] }> {
  const ms: number[] = [];
  const began = performance.now();
  const caller = async (_: unknown, who: number) => {
    for (let n = 0; n < perBlock / atOnce; n++) {
      const started = performance.now();
      await run(who);
      ms.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return { perSecond: (perBlock / (performance.now() - began)) * 1000, ms };
}

type Started = { url: string; child: ChildProcess; version: string } | { reason: string };

async function startRival(): Promise<Started> {
  const brought = await bringRival(rivalName);
  if ("reason" in brought) return brought;
  const version = versionOf(brought.folder);
  const url = `http://${await findFreeAddress()}`;
  const program = join(brought.folder, "build/start-server.js");
  const argv = ["--pdeathsig", "KILL", "--", node, program, `--port=${new URL(url).port}`, "--headless"];
  const child = spawn("setpriv", argv, { stdio: "ignore", env: { PATH: process.env["PATH"], NODE_ENV: "production" } });
  for (let tries = 0; tries < 400; tries++) {
    const isUp = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) return { url, child, version };
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await endChild(child, 2000);
  return { reason: "it was brought and did not answer within 10 s of its start" };
}

/** One request on a kept connection, a POST where it has a body; the answer, read to its end. Throws unless it is 200. */
function ask(url: string, headers: Record<string, string>, body?: object): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const all = { "content-type": "application/json", ...headers };
  const asked = request(url, { method: body ? "POST" : "GET", agent, headers: all }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    response.on("end", () =>
      response.statusCode === 200 ? resolve({ text, headers: response.headers }) : reject(new Error(`${url}: ${text}`)),
    );
    response.on("error", reject);
  });
  asked.on("error", reject);
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

interface Answer {
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}
