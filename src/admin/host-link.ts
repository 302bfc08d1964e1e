// Control `admin-access`: admin's way to the supervisor, its own socket. An act names who asked for it; the supervisor writes
// that down before it does anything. An answer is parsed like anything else that comes from outside this process.
import { parseSafely } from "../controls/wire/parse.ts";
import { z } from "zod";
import { actorHeader, writeActor, type Actor, type Note } from "../controls/wire/admin.ts";
import { controlRequest, ControlUnreachable, type ControlAnswer } from "../host/control-client.ts";
import { passOnProblem, type Refused } from "./problem.ts";

export interface HostRequest<T> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** What the answer must be. */
  readonly answer: z.ZodType<T>;
  /** Who asks; null only for reading. */
  readonly actor: Actor | null;
  readonly timeoutMs?: number;
}

export interface Answered<T> {
  readonly value: T;
  readonly status: number;
}

export class HostLink {
  readonly #socket: string;

  /** `socket`: path of `admin/host.sock`. */
  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Asks the supervisor; what it refused, and not being able to ask it, is a refusal here. */
  async ask<T>(asked: HostRequest<T>): Promise<Answered<T> | Refused> {
    const { method, path, body, answer, actor, timeoutMs } = asked;
    const headers = actor === null ? {} : { [actorHeader]: writeActor(actor) };
    let got: ControlAnswer;
    try {
      const place = { socket: this.#socket, state: "", method, path, headers };
      got = await controlRequest({
        ...place,
        ...(body === undefined ? {} : { body }),
        timeoutMs: timeoutMs ?? 120_000,
      });
    } catch (error) {
      if (error instanceof ControlUnreachable) return unreachable(error);
      throw error;
    }
    if (got.status >= 400) return passOnProblem(got.status, got.body);
    const parsed = parseSafely(answer, got.body ?? undefined);
    if (parsed.success) return { value: parsed.data, status: got.status };
    const detail = "the supervisor's answer was not understood: are both of the same version? start Ambit again";
    return { status: 502, code: "answer_not_understood", detail };
  }

  /** Has the supervisor write down an act of ours on every admin chain, before it is done. */
  note(event: Note["event"], detail: Note["detail"], actor: Actor): Promise<Answered<undefined> | Refused> {
    const body = { event, detail };
    return this.ask({ method: "POST", path: "/v1/admin/noted", body, answer: z.undefined(), actor });
  }
}

function unreachable(error: ControlUnreachable): Refused {
  const wasSent = !error.message.startsWith("no Ambit runs");
  return wasSent
    ? {
        status: 504,
        code: "no_answer",
        detail: "the supervisor gave no whole answer: look what was done before you try again",
      }
    : {
        status: 503,
        code: "supervisor_not_ready",
        detail: "the supervisor is starting or ending: try again in a moment",
        headers: { "retry-after": "1" },
      };
}
