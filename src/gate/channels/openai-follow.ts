// Room 11 for the OpenAI face: the answer of a turn while it walks. It is read from the turn's journal (tail.ts), so the turn
// waits for nobody, a client that leaves changes nothing, and one that asks again with its key gets the same words. The
// model is asked without streaming, so words come step by step. A long silence is filled with what clients read over: a
// comment between events, a blank before a JSON text.
import { openLedger, type Env } from "../env.ts";
import { drain } from "../drain.ts";
import { problemResponse } from "../problem.ts";
import { hasEnded, type Told } from "../tail.ts";
import { atMost } from "../time-limit.ts";
import { unheardResponse } from "./api.ts";
import { openAiError } from "./openai-error.ts";
import type { Ended, Form, FormStream, Turned } from "./openai-form.ts";
import { cutSegments } from "./segments.ts";
import { tellTurn, type Channel } from "./way-in.ts";

/** Silence that is filled, milliseconds; well under what a front or a client takes for a dead connection. */
const beatMs = 10_000;
/** Nobody listens longer; a turn that a person froze or forgot would be listened to for ever. */
const longestMs = 3_600_000;
/** Events that are shorter together go out together. */
const fewCharacters = 16_384;

export interface Followed {
  readonly channel: Channel;
  readonly user: string;
  readonly thread: string;
  readonly turn: number;
  readonly deployment: string;
  readonly form: Form;
  readonly headers: Record<string, string>;
  /** What the user said, when the conversation is to be found again by its last exchange. */
  readonly said: string | null;
}

/** The answer as server-sent events. */
export function streamTurn(followed: Followed, env: Env, beat = beatMs): Response {
  const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
  return new Response(bodyOf(events(followed, env, beat)), { headers: { ...followed.headers, ...headers } });
}

/** The answer in one piece. */
export async function wholeTurn(followed: Followed, env: Env, beat = beatMs): Promise<Response> {
  const answer = collect(followed, env, beat);
  const soon = await atMost(beat, answer);
  if (soon) return soon;
  const headers = { ...followed.headers, "content-type": "application/json" };
  return new Response(bodyOf(blanksBefore(answer, beat)), { headers });
}

async function collect(followed: Followed, env: Env, beat: number): Promise<Response> {
  let text = "";
  for await (const news of follow(followed, env, beat)) {
    if (news instanceof Response) return news;
    text += news.text;
    if (!hasEnded(news.state)) continue;
    const ended = await end(followed, news, text, env);
    return Response.json(followed.form.whole(turnedOf(followed, news), ended), { headers: followed.headers });
  }
  throw new Error("a turn that neither ended nor was left");
}

/** The status of an answer that begins with blanks is out: what went wrong is then an error as its body. */
async function* blanksBefore(answer: Promise<Response>, beat: number): AsyncGenerator<string> {
  for (;;) {
    const found = await atMost(beat, answer);
    if (!found) yield " ";
    else return yield found.ok ? await found.text() : JSON.stringify(openAiError(found.status, await found.json()));
  }
}

async function* events(followed: Followed, env: Env, beat: number): AsyncGenerator<string> {
  let stream: FormStream | undefined;
  let text = "";
  for await (const news of follow(followed, env, beat)) {
    if (news instanceof Response) {
      const error = openAiError(news.status, await news.json());
      return yield (stream ?? followed.form.stream({ ...followed, created: 0 })).fail(error).join("");
    }
    const isFirst = stream === undefined;
    stream ??= followed.form.stream(turnedOf(followed, news));
    text += news.text;
    const ended = hasEnded(news.state) ? await end(followed, news, text, env) : undefined;
    if (!isFirst && news.text === "" && !ended) yield ": still at work\n\n";
    yield* together(written(stream, isFirst, news.text, ended));
  }
}

function* written(stream: FormStream, isFirst: boolean, text: string, ended: Ended | undefined): Generator<string> {
  if (isFirst) yield* stream.begin();
  for (const piece of cutSegments(text)) yield* stream.piece(piece);
  if (ended) yield* stream.end(ended);
}

/** Small events go out in one piece. Not all of them: many who ask for a long answer and read nothing would fill the gate. */
function* together(all: Iterable<string>): Generator<string> {
  let some = "";
  for (const event of all) {
    some += event;
    if (some.length < fewCharacters) continue;
    yield some;
    some = "";
  }
  if (some !== "") yield some;
}

/** What a turn says, piece by piece, to its end. A response instead is why nobody can be told more now. */
async function* follow(followed: Followed, env: Env, beat: number): AsyncGenerator<Told | Response> {
  const until = Date.now() + longestMs;
  for (let from = 0; ;) {
    const told = await tellTurn({ ...followed, waitMs: beat }, from, env);
    if (told && "refusal" in told) return yield unheardResponse(told);
    if (!told) throw new Error("a turn that was taken in is not there");
    from += told.text.length;
    yield told;
    if (hasEnded(told.state)) return;
    if (drain.isClosing || Date.now() >= until) return yield stopped(followed);
  }
}

function stopped({ headers }: Followed): Response {
  const words = "the turn goes on; ask again with the same Idempotency-Key for its answer";
  return problemResponse(503, "unavailable", words, undefined, { ...headers, "retry-after": "1" });
}

/** Before the last words go out, so that whoever answers them at once is found. */
async function end({ user, thread, said }: Followed, told: Told, text: string, env: Env): Promise<Ended> {
  if (said !== null && told.isLast) {
    const by = { exchange: { asked: said, answered: text } };
    await openLedger(env).noteFound({ user, thread, by });
  }
  return { text, usage: told.usage, held: told.held };
}

function turnedOf({ deployment, thread, turn }: Followed, { created }: Told): Turned {
  return { deployment, thread, turn, created };
}

function bodyOf(pieces: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
}
