// What do front and gate add to a plain chat? The same scripted model is asked bare, through `@portkey-ai/gateway` (a proxy that
// keeps nothing) and through Ambit's OpenAI face, in turn in the same run: one chat at a time for what is added, then many at
// once for how many a second. A turn of Ambit is on disk before it is answered, is limited and chained; a request that starts no
// turn shows what the way through front and gate costs alone, and the bare fsync beside it is the unit of the disk. The rival has
// an install script, which is not run and not needed: so it is no dependency of this project, and comes by its own lock,
// bench/rivals, when this runs.
// Usage: node bench/gateway.ts [--rounds N] [--blocks N]
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, copyFileSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { threadHeader } from "../src/controls/wire/gate.ts";
import { freshState } from "../claims/fresh-state.ts";
import { setNotesServer } from "../claims/notes-stage.ts";
import { setSmallStage } from "../claims/small-stage.ts";
import { endChild, node, root } from "../src/cli/child.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { keepResult } from "./machine.ts";
import { interleave, round, spread, type Spread } from "./statistics.ts";

const rivalVersion = "1.15.2";
/** A conversation that goes on keeps its history; after so many turns it begins anew, so that prompts stay short. */
const turnsPerThread = 7;
const atOnce = 16;
const perBlock = 320;

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "300" }, blocks: { type: "string", default: "7" } },
});
const [rounds, blocks] = [Number(values.rounds), Number(values.blocks)];
const agent = new Agent({ keepAlive: true, maxSockets: atOnce });

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

function bringRival(): string {
  const folder = join(root, ".cache", "rivals");
  mkdirSync(folder, { recursive: true });
  for (const file of ["package.json", "package-lock.json"])
    copyFileSync(join(root, "bench/rivals", file), join(folder, file));
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" });
  return join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
}

async function startRival(): Promise<{ url: string; child: ChildProcess }> {
  const program = bringRival();
  const url = `http://${await findFreeAddress()}`;
  const argv = ["--pdeathsig", "KILL", "--", node, program, `--port=${new URL(url).port}`, "--headless"];
  const child = spawn("setpriv", argv, { stdio: "ignore", env: { PATH: process.env["PATH"], NODE_ENV: "production" } });
  for (let tries = 0; tries < 400; tries++) {
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return { url, child };
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the rival did not start");
}

/** How many a second of each rival, block by block in turn: `atOnce` callers, each asking one thing after the other. */
async function manyAtOnce(rivals: Readonly<Record<string, (caller: number) => Promise<unknown>>>) {
  const result: Record<string, { perSecond: number[]; ms: number[] }> = {};
  for (let block = -1; block < blocks; block++) {
    for (const [name, run] of Object.entries(rivals)) {
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
      const kept = (result[name] ??= { perSecond: [], ms: [] });
      if (block < 0) continue;
      kept.perSecond.push((perBlock / (performance.now() - began)) * 1000);
      kept.ms.push(...ms);
    }
  }
  return Object.fromEntries(
    Object.entries(result).map(([name, { perSecond, ms }]) => {
      const sorted = perSecond.sort((a, b) => a - b);
      const [median, least, most] = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)].map((n) => round(n ?? 0));
      return [name, { perSecond: median, least, most, ...spread(ms) }];
    }),
  );
}

const state = freshState();
const { stage, model } = await setSmallStage({
  state: state.folder,
  name: "chat",
  tools: "{ note: { effect: local, payload: [text] } }",
  channels: `{ api: { users: ["*@bench.example"] } }`,
  server: setNotesServer,
});
const rival = await startRival();
const folder = mkdtempSync(join(tmpdir(), "ambit-fsync-"));
try {
  const chat = { model: "scripted-demo", messages: [{ role: "user", content: "hello" }] };
  const bare = () => ask(`${model}/chat/completions`, {}, chat);
  const toRival = { authorization: "Bearer none", "x-portkey-provider": "openai", "x-portkey-custom-host": model };
  const portkey = () => ask(`${rival.url}/v1/chat/completions`, toRival, chat);
  const face = `${stage.url}/d/${stage.name}/v1`;
  const toAmbit = { authorization: `Bearer ${stage.token}` };
  const say = async (caller: number, thread?: string) => {
    const headers = { ...toAmbit, ...(thread === undefined ? {} : { [threadHeader]: thread }) };
    const message = { ...chat, model: stage.name, user: `user${caller}@bench.example` };
    const answer = await ask(`${face}/chat/completions`, headers, message);
    const { choices } = JSON.parse(answer.text) as { choices: { finish_reason: string }[] };
    if (choices[0]?.finish_reason !== "stop") throw new Error(`a turn did not end: ${answer.text}`);
    return String(answer.headers[threadHeader]);
  };
  const threads: { id: string; turns: number }[] = [];
  const goOn = async (caller: number) => {
    const last = threads[caller];
    const isOver = last === undefined || last.turns >= turnsPerThread;
    const id = await say(caller, isOver ? undefined : last.id);
    threads[caller] = { id, turns: isOver ? 1 : last.turns + 1 };
  };
  const file = openSync(join(folder, "f"), "w");
  const fsync = () => {
    writeSync(file, Buffer.alloc(4096));
    fsyncSync(file);
    return Promise.resolve();
  };
  const names = {
    bare: "bare model",
    portkey: `@portkey-ai/gateway ${rivalVersion}`,
    anew: "ambit, new conversation",
    on: "ambit, going on",
    none: "ambit, without a turn",
  };
  const one = await interleave(
    {
      [names.bare]: async () => void (await bare()),
      [names.portkey]: async () => void (await portkey()),
      [names.anew]: async () => void (await say(0)),
      [names.on]: () => goOn(1),
      [names.none]: async () => void (await ask(`${face}/models`, toAmbit)),
      fsync,
    },
    rounds,
    30,
  );
  closeSync(file);
  const many = await manyAtOnce({
    [names.bare]: bare,
    [names.portkey]: portkey,
    [names.on]: goOn,
  });
  report(Object.fromEntries(Object.entries(one).map(([name, ms]) => [name, spread(ms)])), many, names.bare);
} finally {
  await endChild(rival.child, 2000);
  await stage.stop();
  state.remove();
  rmSync(folder, { recursive: true, force: true });
}

function report(table: Record<string, Spread>, many: object, base: string): void {
  const bare = table[base];
  const added = Object.fromEntries(
    Object.entries(table)
      .filter(([name]) => name !== base && name !== "fsync" && !name.endsWith("without a turn"))
      .map(([name, { p50, p99 }]) => {
        const more = { p50: round(p50 - (bare?.p50 ?? 0)), p99: round(p99 - (bare?.p99 ?? 0)) };
        return [name, { ...more, inFsyncs: round(more.p50 / (table["fsync"]?.p50 ?? 1)) }];
      }),
  );
  console.log("one chat at a time, ms");
  console.table(table);
  console.log("added to the bare model, ms");
  console.table(added);
  console.log(`${atOnce} chats at once`);
  console.table(many);
  keepResult("gateway", { rounds, blocks, perBlock, atOnce, turnsPerThread, table, added, many });
}
