// A client of the `api` channel: sends a message once, however often the connection breaks, and waits for its turn.
import { randomUUID } from "node:crypto";
import { messageAccepted, turnAnswer, type Problem, type TurnAnswer } from "../controls/wire/gate.ts";
import { CommandError } from "./arguments.ts";

const waitMs = 20_000;
const retryMs = 200;
const giveUpMs = 60_000;
/** After so long whoever waits is told why, milliseconds. */
const tellMs = 2000;

/** Whoever asked wants no answer any more. */
export class Stopped extends Error {}

export interface Waiting {
  /** Ends all waiting, with `Stopped`. */
  readonly signal?: AbortSignal;
  /** Told once of each message why there is no answer yet. */
  readonly say?: (words: string) => void;
}

export class ChannelClient {
  readonly #base: string;
  readonly #token: string;
  readonly #user: string;
  readonly #waiting: Waiting;

  constructor(url: string, deployment: string, token: string, user: string, waiting: Waiting = {}) {
    this.#base = `${url.replace(/\/$/, "")}/d/${deployment}/v1`;
    this.#waiting = waiting;
    this.#token = token;
    this.#user = user;
  }

  /** Sends a message and waits until its turn is done, has failed or waits for a person. */
  async say(text: string, thread?: string): Promise<TurnAnswer> {
    const answer = await this.#post(text, thread, randomUUID(), { prefer: `wait=${waitMs / 1000}` });
    const turn = turnAnswer.safeParse(answer);
    if (turn.success) return turn.data;
    const accepted = messageAccepted.parse(answer);
    return this.follow(accepted.thread, accepted.turn);
  }

  /** Sends a message; the same key is used for every retry, so it is accepted once. */
  async send(text: string, thread?: string, key: string = randomUUID()): Promise<{ thread: string; turn: number }> {
    return messageAccepted.parse(await this.#post(text, thread, key, {}));
  }

  /** Waits for a turn. */
  async follow(thread: string, turn: number): Promise<TurnAnswer> {
    for (;;) {
      const query = `user=${encodeURIComponent(this.#user)}&wait=${waitMs}`;
      const answer = turnAnswer.parse(await this.#ask(`/threads/${thread}/turns/${turn}?${query}`, { method: "GET" }));
      if (answer.state !== "queued" && answer.state !== "running") return answer;
    }
  }

  /** Sends a body as it is, once, and returns the answer as it came: how a caller who is refused sees it. */
  async post(body: unknown): Promise<{ status: number; headers: Headers; body: unknown }> {
    const headers = { "content-type": "application/json", authorization: `Bearer ${this.#token}` };
    const response = await fetch(`${this.#base}/messages`, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  #post(text: string, thread: string | undefined, key: string, extra: Record<string, string>): Promise<unknown> {
    const body = JSON.stringify({ user: this.#user, text, ...(thread === undefined ? {} : { thread }) });
    const headers = { "content-type": "application/json", "idempotency-key": key, ...extra };
    return this.#ask("/messages", { method: "POST", headers, body });
  }

  async #ask(
    path: string,
    init: { method: string; headers?: Record<string, string>; body?: string },
  ): Promise<unknown> {
    const { signal = null, say } = this.#waiting;
    const until = Date.now() + giveUpMs;
    for (let isTold = false; ;) {
      const response = await fetch(this.#base + path, {
        ...init,
        signal,
        headers: { ...init.headers, authorization: `Bearer ${this.#token}` },
      }).catch(() => undefined);
      const body = await response?.json().catch(() => undefined);
      if (signal?.aborted) throw new Stopped();
      if (response?.ok && body !== undefined) return body;
      // A freeze does not pass by itself.
      const isFrozen = (body as Partial<Problem> | undefined)?.type === "urn:ambit:problem:frozen";
      if (isFrozen) throw new CommandError("this deployment is frozen: nothing is passed on until it is thawed", 3);
      const passing = response === undefined || response.status === 502 || response.status === 503 || response.ok;
      if (!passing || Date.now() > until) {
        const words = wordsOf(body as Partial<Problem> | undefined) ?? `${this.#base} did not answer`;
        throw new CommandError(words, response?.status === 403 ? 3 : 1);
      }
      if (!isTold && Date.now() > until - giveUpMs + tellMs) {
        say?.(`${this.#base} does not answer yet; still trying`);
        isTold = true;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

/** A refusal as whoever typed the message can act on it. */
function wordsOf({ type = "", field = "", detail }: Partial<Problem> = {}): string | undefined {
  const word = type.split(":").at(-1);
  if (word === "token_not_valid")
    return "the token is not of this deployment: ./ambit deploy showed the right one once, when it was new";
  const advice = word === "sender_not_listed" ? "; say who speaks with --user WHO" : "";
  return detail && `${field === "" ? "" : `${field}: `}${detail}${advice}`;
}
