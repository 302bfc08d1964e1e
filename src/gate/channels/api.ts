// Rooms 1, 2 and 11 for the `api` channel: a request becomes a message of one listed user in one of that user's own
// threads. A caller cannot name a thread of somebody else: the user is part of the thread's name.
import type { Refusal } from "../../boundary.ts";
import { decideMessage, decideSender, replyTo, type Sender } from "../../controls/access/allowlist.ts";
import { sha256Hex } from "../../controls/audit/digest.ts";
import type { Manifest } from "../../controls/manifest/schema.ts";
import { messageRequest } from "../../controls/wire/gate.ts";
import { openLedger, openRelease, openThread, type Env } from "../env.ts";
import { parseBody, problemResponse, refusalResponse } from "../problem.ts";
import { residents } from "../residents.ts";
import { maxWaiting, walking } from "../walking.ts";

const channel = "api";
const turnPath = /^\/v1\/threads\/([A-Za-z0-9_-]{1,64})\/turns\/([1-9][0-9]{0,8})$/;
const keyPattern = /^[\x21-\x7e]{1,128}$/;
const longestWaitMs = 30_000;
/** How long, on average, whoever is refused for too much waits for that answer: a flood is as slow as its own refusals. */
const lateMs = 800;

const tooManyWaiting: Refusal = {
  control: "rate-limits",
  reason: "too_many_messages",
  message: `${maxWaiting} conversations of this user wait already; wait for an answer first`,
};
const tooManyConversations: Refusal = {
  control: "rate-limits",
  reason: "too_many_messages",
  message: "too many conversations are looked at at once; try again in a few seconds",
};

/** Answers `/v1/...`; the token was checked. */
export async function answerChannel(request: Request, url: URL, env: Env): Promise<Response> {
  if (url.pathname === "/v1/messages") {
    if (request.method !== "POST")
      return problemResponse(405, "wrong_method", "use POST", undefined, { allow: "POST" });
    return acceptMessage(request, env);
  }
  const turn = turnPath.exec(url.pathname);
  if (turn?.[1] && turn[2]) {
    if (request.method !== "GET") return problemResponse(405, "wrong_method", "use GET", undefined, { allow: "GET" });
    return showTurn(url, env, turn[1], Number(turn[2]));
  }
  return problemResponse(404, "not_found", "there is nothing at this path");
}

async function acceptMessage(request: Request, env: Env): Promise<Response> {
  const idempotency = request.headers.get("idempotency-key");
  if (idempotency !== null && !keyPattern.test(idempotency)) {
    return problemResponse(400, "bad_request", "1 to 128 visible ASCII characters", "Idempotency-Key");
  }
  const message = await parseBody(request, messageRequest);
  if (message instanceof Response) return message;
  const refusal = decideAccess(env, (lists, groups) => decideMessage(message, lists, channel, groups));
  if (refusal?.reason === "channel_off") return refusalResponse(refusal);
  if (refusal) return refuseMessage(refusal, message, env);
  const thread = message.thread ?? freshThread(message.user, idempotency);
  const key = threadKey(message.user, thread);
  // From memory: a flood costs no commit, no conversation and little work.
  if (walking.isCrowded(message.user)) return refuseLate(tooManyWaiting);
  if (!residents.hasPlace(key, message.user, Date.now())) return refuseLate(tooManyConversations);
  const asked = { channel, user: message.user, idempotency };
  const { refusal: unheard, headers } = await openLedger(env).admitMessage({ ...asked, thread: key });
  if (unheard) return refuseLate(unheard, headers);
  const { text, room, workspace } = message;
  const place = { ...(room === undefined ? {} : { room }), ...(workspace === undefined ? {} : { workspace }) };
  const wait = preferredWait(request.headers.get("prefer"));
  const taken = await lookAt({ key, user: message.user, wait }, env, async (conversation) => {
    const submitted = await conversation.submit({ ...asked, key, text, place });
    if ("reason" in submitted) return submitted;
    return { ...submitted, answer: wait > 0 ? await conversation.answer(submitted.turn, wait) : null };
  });
  if ("reason" in taken) return refuseLate(taken);
  const { answer } = taken;
  if (answer && answer.state !== "queued" && answer.state !== "running")
    return Response.json({ thread, ...answer }, { headers });
  return Response.json({ thread, turn: taken.turn }, { status: 202, headers });
}

async function refuseLate(refusal: Refusal, headers: Record<string, string> = {}): Promise<Response> {
  // Not all after the same time: they would come back all at once.
  await new Promise((resolve) => setTimeout(resolve, lateMs * (0.5 + Math.random())));
  return refusalResponse(refusal, { headers });
}

/** `Prefer: wait=SECONDS` (RFC 7240, section 4.3): how long the caller would wait for the answer itself, milliseconds. */
function preferredWait(header: string | null): number {
  const seconds = /(?:^|,)\s*wait=([0-9]{1,3})\s*(?:[,;]|$)/i.exec(header ?? "")?.[1];
  return Math.min(longestWaitMs, Number(seconds ?? 0) * 1000);
}

async function showTurn(url: URL, env: Env, thread: string, turn: number): Promise<Response> {
  const user = url.searchParams.get("user") ?? "";
  if (user === "") return problemResponse(400, "bad_request", "say whose thread it is", "user");
  const refusal = decideAccess(env, ({ users }, groups) => decideSender(user, users, channel, groups));
  if (refusal) return refusalResponse(refusal);
  const wait = Number(url.searchParams.get("wait") ?? 0);
  if (!Number.isInteger(wait) || wait < 0 || wait > longestWaitMs) {
    return problemResponse(400, "bad_request", `milliseconds from 0 to ${longestWaitMs}`, "wait");
  }
  const key = threadKey(user, thread);
  if (!residents.hasPlace(key, user, Date.now())) return refuseLate(tooManyConversations);
  const answer = (await openLedger(env).hasThread(key))
    ? await lookAt({ key, user, wait }, env, (conversation) => conversation.answer(turn, wait))
    : null;
  if (answer && "reason" in answer) return refuseLate(answer);
  return answer ? Response.json({ thread, ...answer }) : problemResponse(404, "not_found", "there is no such turn");
}

/** Looks at a conversation, which is in memory meanwhile, if there is a place for it. */
async function lookAt<T>(
  { key, user, wait }: { key: string; user: string; wait: number },
  env: Env,
  look: (conversation: ReturnType<typeof openThread>) => Promise<T>,
): Promise<T | Refusal> {
  if (!residents.enter(key, user, wait, Date.now())) return tooManyConversations;
  try {
    return await look(openThread(env, key));
  } finally {
    residents.leave(key, Date.now());
  }
}

/** Unlisted senders are told so once a day, and never reach a thread or the model. */
async function refuseMessage(refusal: Refusal, { user }: Sender, env: Env): Promise<Response> {
  const isFirst = await openLedger(env).refuseSender({ channel, user, reason: refusal.reason });
  return refusalResponse(refusal, isFirst ? { reply: replyTo(refusal) } : {});
}

type ApiChannel = NonNullable<Manifest["channels"]["api"]>;

/** A channel that does not stand in the deployment file is off. */
function decideAccess(
  env: Env,
  decide: (lists: ApiChannel, groups: Manifest["groups"]) => Refusal | undefined,
): Refusal | undefined {
  const { channels, groups } = openRelease(env).manifest;
  if (channels.api) return decide(channels.api, groups);
  const message = "this channel is off: list its users under channels.api in the deployment file";
  return { control: "allowlists", reason: "channel_off", field: "channels.api", message };
}

/** A retry with the same key finds the same thread. */
function freshThread(user: string, idempotency: string | null): string {
  return idempotency === null ? crypto.randomUUID() : `k_${sha256Hex(`${user}\n${idempotency}`).slice(0, 24)}`;
}

/** Name of the Durable Object; the user is encoded, so no two users can meet in one. */
function threadKey(user: string, thread: string): string {
  return `${channel}:${encodeURIComponent(user)}:${thread}`;
}
