// Deploys and rollbacks while people chat: every message that was accepted is answered, by one release and no other, whatever
// is replaced in the middle. Which release asked the model is read from the model's own server, not from Ambit.
// Usage: node claims/deploys-under-load.ts --deploys 100 --chats 20
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { spread, type Spread } from "../bench/statistics.ts";
import type { TurnAnswer } from "../src/controls/wire/gate.ts";
import { sayWords, wishOnce, type ModelAnswer } from "./hostile-model.ts";
import { instructionsOf, ReleasesStage, withInstructions } from "./releases-stage.ts";

/** A model takes its time; so turns are under way at every switch. */
const modelMs = 30;
const betweenDeploysMs = 150;
const retryMs = 100;
/** People read an answer before they go on, and begin anew now and then. */
const readMs = 100;
const perThread = 10;

export interface Load {
  readonly deploys: number;
  readonly chats: number;
  /** Messages that were accepted. */
  readonly messages: number;
  readonly answered: number;
  /** Turns that a new release ended because they took too long. */
  readonly replaced: number;
  /** Requests that did not get through the first time, and how often each. */
  readonly retried: Record<string, number>;
  /** From sending a message to its answer. */
  readonly chatMs: Spread;
  /** From asking for a deploy to its answer, and to the first reply of its release. */
  readonly deployMs: Spread;
  readonly firstReplyMs: Spread;
  readonly faults: string[];
}

interface Said {
  readonly text: string;
  readonly ms: number;
  readonly answer: TurnAnswer;
}

/** Runs `deploys` deploys and rollbacks, by turns, under `chats` conversations that never stop talking. */
export async function deployUnderLoad(
  stage: ReleasesStage,
  deploys: number,
  chats: number,
  log: (text: string) => void,
): Promise<Load> {
  const client = new PlainClient(stage);
  const said: Said[] = [];
  const [deployMs, firstReplyMs]: [number[], number[]] = [[], []];
  let isOver = false;
  const chat = async (chatNumber: number): Promise<void> => {
    let thread = randomUUID();
    for (let n = 0; !isOver; n++) {
      if (n % perThread === 0) thread = randomUUID();
      said.push(await client.say(`chat ${chatNumber} says ${n}`, `user-${chatNumber}@acme.example`, thread, stage));
      await pause(readMs);
    }
  };
  try {
    const talking = Array.from({ length: chats }, (_, chatNumber) => chat(chatNumber));
    for (let n = 1; n <= deploys; n++) {
      await pause(betweenDeploysMs);
      const began = performance.now();
      const isRollback = n % 2 === 0;
      const release = withInstructions(stage.release, `release ${n}`);
      const { status, body } = await (isRollback ? stage.rollback() : stage.deploy(release));
      if (status !== 200) throw new Error(`deploy ${n}: ${JSON.stringify(body)}`);
      deployMs.push(performance.now() - began);
      const first = await client.say(`after deploy ${n}`, "probe@acme.example", randomUUID(), stage);
      firstReplyMs.push(performance.now() - began);
      said.push(first);
      log(JSON.stringify({ n, isRollback, deployMs: deployMs.at(-1), firstReplyMs: firstReplyMs.at(-1) }));
    }
    isOver = true;
    await Promise.all(talking);
    return { deploys, chats, ...judge(stage, said), retried: client.retried, ...figures(said, deployMs, firstReplyMs) };
  } finally {
    isOver = true;
  }
}

/** The figures as a sentence that can be quoted. */
function describeLoad({ deploys, chats, messages, answered, replaced, deployMs, firstReplyMs, chatMs }: Load): string {
  const of = ({ p50, p99 }: Spread) => `p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms`;
  return `${deploys} deploys and rollbacks under ${chats} conversations: deploy to first reply ${of(firstReplyMs)}; deploy to its answer ${of(deployMs)}; a message to its reply ${of(chatMs)}; ${messages} messages, ${answered} answered, ${replaced} ended by a new release`;
}

function figures(said: readonly Said[], deployMs: number[], firstReplyMs: number[]) {
  return {
    chatMs: spread(said.map(({ ms }) => ms)),
    deployMs: spread(deployMs),
    firstReplyMs: spread(firstReplyMs),
  };
}

/** Says what was said; each message stands in the log of the model by its own text. */
function judge(stage: ReleasesStage, said: readonly Said[]) {
  const faults: string[] = [];
  let [answered, replaced] = [0, 0];
  for (const { text, answer } of said) {
    const asked = [...new Set(stage.askedBy(text))];
    const isReplaced = answer.state === "failed" && answer.reply.includes("a new release replaced");
    if (isReplaced) replaced++;
    else if (answer.state !== "done") faults.push(`${text}: ${answer.state}: ${answer.reply}`);
    else if (!answer.reply.startsWith(`${asked[0]} heard`))
      faults.push(`${text}: asked by ${asked[0]}, answered ${answer.reply}`);
    else answered++;
    if (asked.length > 1) faults.push(`${text}: answered by ${asked.join(" and ")}`);
  }
  return { messages: said.length, answered, replaced, faults };
}

/** Every second message of a chat has a tool call in its turn, so that releases meet between two answers of a model. */
function answerOf(text: string): ModelAnswer {
  const withCall = / [0-9]*[13579]$/.test(text);
  return (response, request) => {
    const words = sayWords(`${instructionsOf(request)} heard ${text}`);
    const isTold = request.messages.at(-1)?.role === "tool";
    const call = wishOnce([{ name: "note", arguments: JSON.stringify({ text }) }]);
    setTimeout(() => (withCall && !isTold ? call : words)(response, request), modelMs);
  };
}

/** Sends once; what is refused in a way that passes is sent again with the same key, and counted. */
class PlainClient {
  readonly retried: Record<string, number> = {};
  readonly #base: string;
  readonly #token: string;

  constructor(stage: ReleasesStage) {
    this.#base = `${stage.small.stage.url}/d/${stage.name}/v1`;
    this.#token = stage.token;
  }

  async say(text: string, user: string, thread: string, stage: ReleasesStage): Promise<Said> {
    stage.model.when(text, answerOf(text));
    const began = performance.now();
    const body = JSON.stringify({ user, thread, text });
    const headers = { "content-type": "application/json", "idempotency-key": randomUUID(), prefer: "wait=20" };
    let answer = await this.#ask("/messages", { method: "POST", headers, body });
    const { turn } = answer;
    while (answer.state === undefined || answer.state === "queued" || answer.state === "running")
      answer = await this.#ask(`/threads/${thread}/turns/${turn}?user=${encodeURIComponent(user)}&wait=20000`, {
        method: "GET",
      });
    return { text, ms: performance.now() - began, answer };
  }

  async #ask(path: string, init: RequestInit): Promise<TurnAnswer> {
    for (;;) {
      const headers = { ...init.headers, authorization: `Bearer ${this.#token}` };
      const response = await fetch(this.#base + path, { ...init, headers }).catch((error: unknown) => String(error));
      const body: unknown = typeof response === "string" ? undefined : await response.json().catch(() => undefined);
      if (typeof response !== "string" && response.ok && body !== undefined) return body as TurnAnswer;
      const why =
        typeof response === "string" ? response : `${response.status} ${(body as { type?: string })?.type ?? ""}`;
      const what = `${init.method} ${why}`;
      this.retried[what] = (this.retried[what] ?? 0) + 1;
      await pause(retryMs);
    }
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { deploys: { type: "string", default: "100" }, chats: { type: "string", default: "20" } },
  });
  const stage = await ReleasesStage.open("busy");
  const result = await deployUnderLoad(stage, Number(values.deploys), Number(values.chats), console.log).finally(() =>
    stage.close(),
  );
  console.log(JSON.stringify(result));
  console.log(describeLoad(result));
  console.log(`${result.messages - result.faults.length} passed, ${result.faults.length} failed`);
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
