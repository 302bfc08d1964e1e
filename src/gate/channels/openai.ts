// Rooms 1 and 11 for the OpenAI face, which is the `api` channel in other words: whoever holds the token speaks for its
// users, a request becomes a message of one of them, and the answer is text. A caller brings a history, tools and a system
// prompt and would like them to count: only the words of the last message do (controls/wire/openai-spoken.ts).
import type { z } from "zod";
import { threadHeader, threadIdPattern } from "../../controls/wire/gate.ts";
import { chatRequest, responsesRequest, type ChatRequest, type ResponsesRequest } from "../../controls/wire/openai.ts";
import { threadOfResponse } from "../../controls/wire/openai-id.ts";
import { readSpoken, type NotSpoken, type Spoken } from "../../controls/wire/openai-spoken.ts";
import { openLedger, openRelease, type Env } from "../env.ts";
import { parseBody, problemResponse } from "../problem.ts";
import { unheardResponse } from "./api.ts";
import { readIdempotency } from "./idempotency.ts";
import { chatForm } from "./openai-chat.ts";
import { streamTurn, wholeTurn } from "./openai-follow.ts";
import type { Form } from "./openai-form.ts";
import { responsesForm } from "./openai-responses.ts";
import { saidBy } from "./said-by.ts";
import { hasThread, takeMessage, type Unheard } from "./way-in.ts";

const channel = "api";

/** What both forms of a request have in common. */
interface Asked {
  readonly model: string;
  readonly user: string;
  /** Whether the token itself speaks, because no `user` was named. */
  readonly isToken: boolean;
  readonly spoken: Spoken | NotSpoken;
  readonly isStreamed: boolean;
  readonly form: Form;
  /** Id of the response to go on with. */
  readonly previous: string | null;
}

/** Answers the paths of `isOpenAiPath`; the token was checked. Refusals are problem documents, as everywhere. */
export async function answerOpenAi(request: Request, url: URL, env: Env, tokenId: string): Promise<Response> {
  const { pathname } = url;
  if (pathname.startsWith("/v1/models")) return showModels(request, pathname, env);
  if (pathname === "/v1/chat/completions")
    return answerAsked(request, env, chatRequest, (body) => readChat(body, tokenId));
  if (pathname === "/v1/responses")
    return answerAsked(request, env, responsesRequest, (body) => readResponses(body, tokenId));
  return problemResponse(404, "not_found", "there is nothing at this path");
}

/** Without a `user` the token itself speaks, and has to be listed like anybody. */
function speaker(user: string | null | undefined, tokenId: string): Pick<Asked, "user" | "isToken"> {
  return { user: user ?? `token:${tokenId}`, isToken: typeof user !== "string" };
}

/** Most clients name no user: whoever sets one up has to learn what to list. */
function sayWhoSpoke(unheard: Unheard, user: string): Unheard {
  const { refusal } = unheard;
  if (refusal.reason !== "sender_not_listed") return unheard;
  const message = `${refusal.message}: without "user" the token itself speaks, as "${user}"; send a listed "user", or list it`;
  return { ...unheard, refusal: { ...refusal, message } };
}

function readChat({ model, user, messages, stream, stream_options }: ChatRequest, tokenId: string): Asked {
  return {
    ...{ model, ...speaker(user, tokenId), spoken: readSpoken(messages, "messages"), previous: null },
    ...{ isStreamed: stream === true, form: chatForm(stream_options?.include_usage === true) },
  };
}

function readResponses(body: ResponsesRequest, tokenId: string): Asked {
  const { model, user, input, stream, previous_response_id: previous = null } = body;
  const spoken = readSpoken(typeof input === "string" ? [{ role: "user", content: input }] : input, "input");
  const asked = { model, ...speaker(user, tokenId), spoken, previous };
  return { ...asked, isStreamed: stream === true, form: responsesForm(previous) };
}

async function answerAsked<T>(
  request: Request,
  env: Env,
  schema: z.ZodType<T>,
  read: (body: T) => Asked,
): Promise<Response> {
  if (request.method !== "POST") return problemResponse(405, "wrong_method", "use POST", undefined, { allow: "POST" });
  const idempotency = readIdempotency(request);
  if (idempotency instanceof Response) return idempotency;
  const body = await parseBody(request, schema);
  if (body instanceof Response) return body;
  const asked = read(body);
  return saidBy(asked.user, await answerSpoken(request, env, asked, idempotency));
}

async function answerSpoken(request: Request, env: Env, asked: Asked, idempotency: string | null): Promise<Response> {
  const { user, spoken, form } = asked;
  if (asked.model !== nameOf(env)) return noModel(asked.model, env);
  if ("field" in spoken) return problemResponse(400, "bad_request", spoken.message, spoken.field);
  const named = await readNamedThread(request, asked, env);
  if (named instanceof Response) return named;
  const found = named === undefined ? await findThread(user, idempotency, spoken.before, env) : null;
  const thread = named ?? found;
  const message = { user, text: spoken.text, ...(thread === null ? {} : { thread }) };
  const taken = await takeMessage({ channel, message, idempotency, waitMs: 0 }, env);
  if ("refusal" in taken) return unheardResponse(asked.isToken ? sayWhoSpoke(taken, user) : taken);
  // By the time of a retry another conversation may end with the exchange that is shown: it is found by its key.
  if (named === undefined && spoken.before !== null && idempotency !== null)
    await openLedger(env).noteFound({ user, thread: taken.thread, by: { idempotency } });
  const followed = {
    ...({ channel, user, thread: taken.thread, turn: taken.turn, form } as const),
    ...{ deployment: nameOf(env), headers: { ...taken.headers, [threadHeader]: taken.thread } },
    ...{ said: named === undefined ? spoken.text : null },
  };
  return asked.isStreamed ? streamTurn(followed, env) : wholeTurn(followed, env);
}

/** The thread that the caller names, by header or by a response of it; undefined when neither is there. */
async function readNamedThread(
  request: Request,
  { user, isToken, previous }: Asked,
  env: Env,
): Promise<string | undefined | Response> {
  const header = request.headers.get(threadHeader);
  if (header !== null && !threadIdPattern.test(header))
    return problemResponse(400, "bad_request", "1 to 64 letters, digits, _ and -", "X-Ambit-Thread");
  if (previous === null) return header ?? undefined;
  const thread = threadOfResponse(previous);
  if (header !== null && header !== thread)
    return problemResponse(
      400,
      "bad_request",
      "this header names another conversation: send one of both",
      "X-Ambit-Thread",
    );
  const found = thread !== undefined && (await hasThread({ channel, user, thread }, env));
  if (found === true) return thread;
  if (found !== false) return unheardResponse(isToken ? sayWhoSpoke(found, user) : found);
  const words = "this user has no such response: leave it out to begin a new conversation";
  return problemResponse(400, "previous_response_not_found", words, "previous_response_id");
}

async function findThread(
  user: string,
  idempotency: string | null,
  exchange: Spoken["before"],
  env: Env,
): Promise<string | null> {
  if (idempotency === null && exchange === null) return null;
  return openLedger(env).findThread({ user, idempotency, exchange });
}

/** The one model that there is: the deployment. */
function showModels(request: Request, path: string, env: Env): Response {
  if (request.method !== "GET" && request.method !== "HEAD")
    return problemResponse(405, "wrong_method", "use GET", undefined, { allow: "GET" });
  const name = nameOf(env);
  const model = { id: name, object: "model", created: 0, owned_by: "ambit" };
  if (path === "/v1/models") return Response.json({ object: "list", data: [model] });
  const asked = path.slice("/v1/models/".length);
  return asked === name ? Response.json(model) : noModel(asked, env);
}

function noModel(asked: string, env: Env): Response {
  const words = `there is no model "${asked.slice(0, 64)}" here: the model is the deployment, "${nameOf(env)}"`;
  return problemResponse(404, "model_not_found", words, "model");
}

function nameOf(env: Env): string {
  return openRelease(env).manifest.name;
}
