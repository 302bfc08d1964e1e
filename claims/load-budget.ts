// A day's budget under load: many chats of many users at once, a model that reports any honest usage, fails in every way
// that is billed or not, and a gate that is ended by SIGKILL in between. What was spent is counted by the model's server
// at the moment it answers; Ambit's own count is not asked. And: users minted by the thousand do not give a limited user
// anything back. On this machine only, bounded, ends by itself.
// Usage: node claims/load-budget.ts --chats 500 --users 50 [--kills N] [--seed N]
//        node claims/load-budget.ts --mint 10000
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { sayJson, type ModelAnswer } from "./hostile-model.ts";
import { LimitsStage, sayCost, type Posted } from "./limits-stage.ts";
import { seededRandom } from "./seeded-random.ts";

/** US dollars for a million tokens: an answer costs about a cent, so that a budget of dollars is spent within one run. */
const price = { input: 10, output: 4 };
/** Requests that this program has under way; the front gives one deployment 200 places. */
const atOnce = 500;

export interface BudgetLoad {
  readonly chats: number;
  readonly users: number;
  readonly kills: number;
  /** Requests that reached the model's server. */
  readonly asked: number;
  readonly answered: number;
  /** Turns that ended because the day's budget did not pay for them, and messages refused for it. */
  readonly unpaid: number;
  /** Turns that ended because the model failed. */
  readonly failed: number;
  readonly budgetUsd: number;
  readonly spentUsd: number;
  /** The most that was spent at any moment in any way that counts, as a share of the budget. */
  readonly share: number;
  readonly seconds: number;
  readonly faults: string[];
}

interface Plan {
  readonly chats: number;
  readonly users: number;
  readonly kills: number;
  readonly seed: number;
}

/** Runs `chats` conversations of `users` users at once on one deployment whose budget pays for about half of them. */
export async function loadBudget({ chats, users, kills, seed }: Plan): Promise<BudgetLoad> {
  const stage = await LimitsStage.open();
  const began = performance.now();
  try {
    const random = seededRandom(seed);
    const budgetUsd = Math.max(0.2, Math.round(chats * 0.6) / 100);
    const till = new Till(random);
    stage.model.when("spend", till.answer);
    await stage.deploy("money", { usd_per_day: budgetUsd }, price);
    const ended: Posted["body"][] = [];
    const chat = async (n: number) => ended.push(await chatOnce(stage, `user${n % users}`, `chat-${n}`));
    const isUnderWay = () => ended.some(({ state }) => state === "done");
    const killing = killNowAndThen(stage, kills, random, isUnderWay);
    await inParallel(chats, chat);
    await killing;
    const count = (isOne: (body: Posted["body"]) => boolean) => ended.filter(isOne).length;
    const answered = count(({ state }) => state === "done");
    const unpaid = count(({ type, reply }) => /budget_spent/.test(type ?? "") || /today's budget/.test(reply ?? ""));
    const failed = count(({ state, reply }) => state === "failed" && /could not answer/.test(reply ?? ""));
    const faults = [
      ...(till.microUsd > budgetUsd * 1_000_000 ? [`${till.microUsd} micro-dollars were spent of ${budgetUsd}`] : []),
      ...(answered + unpaid + failed === chats ? [] : [`${chats - answered - unpaid - failed} chats had no end`]),
      ...(answered > 0 ? [] : ["nothing was answered"]),
    ];
    const spentUsd = Math.round(till.microUsd) / 1_000_000;
    const asked = stage.model.requestsOf("spend").length;
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    const share = Math.round((spentUsd / budgetUsd) * 1000) / 1000;
    return { chats, users, kills, asked, answered, unpaid, failed, budgetUsd, spentUsd, share, seconds, faults };
  } finally {
    await stage.stop();
  }
}

/** The provider's till: every token that it would bill, counted when it answers. */
class Till {
  microUsd = 0;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  readonly answer: ModelAnswer = (response, request) => {
    const chance = this.#random();
    if (chance < 0.05) return sayJson(response, { error: { message: "busy" } }, 429);
    // No honest tokenizer makes more tokens than there are bytes, and no provider writes more than it was asked for.
    const input = Math.ceil(this.#random() * JSON.stringify(request.messages).length);
    const output = Math.ceil(this.#random() ** 4 * (request.max_tokens ?? 0));
    this.microUsd += input * price.input + output * price.output;
    // Billed all the same: an error after the work, and an answer that never arrives.
    if (chance < 0.08) return sayJson(response, { error: { message: "broke" } }, 500);
    if (chance < 0.1) return void response.destroy();
    setTimeout(() => sayCost(input, output)(response, request), this.#random() * 200);
  };
}

/** One conversation with one message, sent until it is accepted or the budget is spent, and followed to its end. */
async function chatOnce(stage: LimitsStage, user: string, key: string): Promise<Posted["body"]> {
  for (let tries = 0; tries < 200; tries++) {
    const posted = await stage.post("money", user, "spend", { key, wait: 0 }).catch(() => undefined);
    if (posted?.status === 202) return stage.follow("money", user, posted.body);
    if (posted?.body.type === "urn:ambit:problem:budget_spent") return posted.body;
    await pause(250);
  }
  throw new Error(`${key} was never accepted`);
}

/** Kills begin once something was answered: what a kill leaves reserved may be all of a small budget. */
async function killNowAndThen(
  stage: LimitsStage,
  kills: number,
  random: () => number,
  isUnderWay: () => boolean,
): Promise<void> {
  for (let tries = 0; tries < 500 && !isUnderWay(); tries++) await pause(20);
  for (let n = 0; n < kills; n++) {
    await pause(500 + random() * 1500);
    await stage.killGate("money");
  }
}

async function inParallel(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, lane));
}

export interface Minted {
  readonly minted: number;
  /** Minted users whose message was accepted. */
  readonly accepted: number;
  readonly limitedBefore: boolean;
  readonly limitedAfter: boolean;
  readonly seconds: number;
  readonly faults: string[];
}

/** A user reaches a limit; then `count` others, each with a name never seen before, send one message each. */
export async function mintUsers(count: number): Promise<Minted> {
  const stage = await LimitsStage.open();
  const began = performance.now();
  try {
    await stage.deploy("minted", { messages_per_user: "3/day" });
    const isLimited = async () => {
      for (;;) {
        const { status, body } = await stage.post("minted", "limited", "hello", { thread: "t" });
        // Refused for want of a place, which says nothing of the limit: asked again when there is one.
        if (status !== 429 || body.field !== undefined) return body.field === "limits.messages_per_user";
        await pause(1000);
      }
    };
    for (let n = 0; n < 3; n++) await stage.post("minted", "limited", "hello", { thread: "t" });
    const limitedBefore = await isLimited();
    let accepted = 0;
    await inParallel(count, async (n) => {
      for (let tries = 0; tries < 600; tries++) {
        const key = `minted-${n}`;
        const posted = await stage.post("minted", `minted${n}`, "hello", { key, wait: 0 }).catch(() => undefined);
        if (posted?.status === 202) return accepted++;
        // The gate has places for 500 conversations at once.
        await pause(1000);
      }
      return accepted;
    });
    const limitedAfter = await isLimited();
    const faults = [
      ...(limitedBefore ? [] : ["the limit did not hold before"]),
      ...(limitedAfter ? [] : ["the limited user was let in after the others"]),
      ...(accepted === count ? [] : [`${count - accepted} minted users were not accepted`]),
    ];
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    return { minted: count, accepted, limitedBefore, limitedAfter, seconds, faults };
  } finally {
    await stage.stop();
  }
}

if (import.meta.main) {
  const text = (standard: string) => ({ type: "string", default: standard }) as const;
  const options = { chats: text("500"), users: text("50"), kills: text("0"), seed: text("1"), mint: text("0") };
  const { values } = parseArgs({ options });
  const [chats, users, kills] = [Number(values.chats), Number(values.users), Number(values.kills)];
  const mint = Number(values.mint);
  const result =
    mint > 0 ? await mintUsers(mint) : await loadBudget({ chats, users, kills, seed: Number(values.seed) });
  console.log(JSON.stringify(result));
  console.log(result.faults.length === 0 ? "1 passed, 0 failed" : `0 passed, 1 failed: ${result.faults.join("; ")}`);
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
