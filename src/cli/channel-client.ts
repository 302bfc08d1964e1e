// A client of the `api` channel: sends a message once, however often the connection breaks, and waits for its turn.
import { randomUUID } from "node:crypto";
import { messageAccepted, turnAnswer, type Problem, type TurnAnswer } from "../controls/wire/gate.ts";
import { CommandError } from "./arguments.ts";

const waitMs = 20_000;
const retryMs = 200;
const giveUpMs = 60_000;

export class ChannelClient {
  readonly #base: string;
  readonly #token: string;
  readonly #user: string;

  constructor(url: string, deployment: string, token: string, user: string) {
    this.#base = `${url.replace(/\/$/, "")}/d/${deployment}/v1`;
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
    const until = Date.now() + giveUpMs;
    for (;;) {
      const response = await fetch(this.#base + path, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${this.#token}` },
      }).catch(() => undefined);
      const body = await response?.json().catch(() => undefined);
      if (response?.ok && body !== undefined) return body;
      // A freeze does not pass by itself.
      const isFrozen = (body as Partial<Problem> | undefined)?.type === "urn:ambit:problem:frozen";
      if (isFrozen) throw new CommandError("this deployment is frozen: nothing is passed on until it is thawed", 3);
      const passing = response === undefined || response.status === 502 || response.status === 503 || response.ok;
      if (!passing || Date.now() > until) {
        const problem = body as Partial<Problem> | undefined;
        const field = problem?.field ? `${problem.field}: ` : "";
        throw new CommandError(
          `${field}${problem?.detail ?? "the deployment did not answer"}`,
          response?.status === 403 ? 3 : 1,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}
