// Control `schemas`: the `Idempotency-Key` of a request that changes something: the same key with the same request is done once
// and answered the same; with another one it is refused. Two at the same moment: the second is told to wait. What ended without
// an answer, because a process died in between, is said to be unknown and is never done again by itself.
import { createHash } from "node:crypto";
import { maxKeys, type AnswerStore, type Begun, type KeyedRequest } from "./answer-store.ts";
import type { Refused, Reply } from "./problem.ts";

const form = /^[\x21-\x7e]{1,128}$/;
const field = "Idempotency-Key";

/** The key of a request, null when it has none. */
export function readKey(header: string | null): string | null | Refused {
  if (header === null || form.test(header)) return header;
  return { status: 422, code: "not_understood", detail: `${field}: 1 to 128 visible ASCII characters`, field };
}

/** What two requests must have in common to be the same. */
export function requestHash(request: Request, bytes: Uint8Array): string {
  const { pathname, search } = new URL(request.url);
  const body = createHash("sha256").update(bytes).digest("hex");
  const parts = [request.method, pathname, search, request.headers.get("if-match"), body];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

export class Idempotency {
  readonly #answers: AnswerStore;
  /** Keys of requests that are being handled by this process. */
  readonly #underWay = new Set<string>();

  constructor(answers: AnswerStore) {
    this.#answers = answers;
  }

  /** Does `act` once for this key. */
  async once(asked: KeyedRequest, now: number, act: () => Promise<Reply>): Promise<Reply | Refused> {
    let begun: Begun;
    try {
      begun = this.#answers.begin(asked, now);
    } catch (error) {
      return noRoom(error);
    }
    if (begun.state === "same") {
      return { ...begun.reply, headers: { ...begun.reply.headers, "idempotent-replayed": "true" } };
    }
    const place = `${asked.token}\n${asked.key}`;
    if (begun.state !== "new") return refusal(begun.state, this.#underWay.has(place));
    this.#underWay.add(place);
    try {
      const reply = await act();
      // 503: nothing was done. Other faults: nobody knows.
      if (reply.status === 503) this.#answers.forget(asked);
      else if (reply.status < 500) this.#keep(asked, reply);
      return reply;
    } finally {
      this.#underWay.delete(place);
    }
  }

  /** It was done whether or not that can be kept: without it, the same key is told that nobody knows. */
  #keep(asked: KeyedRequest, reply: Reply): void {
    try {
      this.#answers.finish(asked, reply);
    } catch {
      // The disk is full: the key stays taken.
    }
  }
}

/** A key that cannot be written down: then nothing is done. */
function noRoom(error: unknown): Refused {
  if (!(error instanceof Error && "errcode" in error)) throw error;
  const detail = `${field}: admin's database cannot be written (${error.message}): free space on its disk; nothing was done`;
  return { status: 503, code: "not_on_disk", detail, field, headers: { "retry-after": "5" } };
}

function refusal(state: "other" | "open" | "full", isUnderWay: boolean): Refused {
  const say = (status: number, code: string, detail: string): Refused => ({
    status,
    code,
    detail: `${field}: ${detail}`,
    field,
  });
  if (state === "other") return say(409, "idempotency_key_reused", "was used for another request: choose a new key");
  if (state === "full") return say(429, "too_many_keys", `this token has used ${maxKeys} keys within a day`);
  if (isUnderWay) {
    return {
      ...say(409, "request_under_way", "a request with this key is under way"),
      headers: { "retry-after": "1" },
    };
  }
  return say(409, "outcome_unknown", "nobody knows what became of it: look before you send it under another key");
}
