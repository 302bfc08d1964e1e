// Rooms 1, 2 and 3 for every channel, and the only way in: what a channel has read becomes a message of one listed user in
// one of that user's own threads, or a refusal. Whoever speaks on one channel wants the conversation of another user, or of
// the same name on another channel: both are part of a thread's name. Refusals of too much cost no commit, and come late
// when they are many.
import type { z } from "zod";
import type { Refusal } from "../../boundary.ts";
import { decideMessage, decideSender, replyTo, type ChannelLists } from "../../controls/access/allowlist.ts";
import { sha256Hex } from "../../controls/audit/digest.ts";
import type { Manifest } from "../../controls/manifest/schema.ts";
import { parseTraceparent } from "../../controls/telemetry/traceparent.ts";
import type { messageRequest, TurnAnswer } from "../../controls/wire/gate.ts";
import { openLedger, openRelease, openThread, type Env } from "../env.ts";
import type { Told } from "../tail.ts";
import { residents } from "../residents.ts";
import { RefusalPace } from "./refusal-pace.ts";
import { maxWaiting, walking } from "../walking.ts";

/** A way in, as the deployment file names it. */
export type Channel = keyof Manifest["channels"];

/** What a channel has read of a request that it believes. */
export interface Heard {
  readonly channel: Channel;
  readonly message: z.infer<typeof messageRequest>;
  /** A retry with the same one is the same message. */
  readonly idempotency: string | null;
  /** How long the answer itself is waited for, milliseconds. */
  readonly waitMs: number;
  /** The caller's trace, as it was sent. */
  readonly traceparent?: string | null;
  /** How it came in, where it was signed: the key of a retry then stands for one body alone, in whatever conversation. */
  readonly signed?: Signed;
}

interface Signed {
  /** Name of the secret. */
  readonly by: string;
  /** SHA-256 of the whole body. */
  readonly bodyHash: string;
}

/** Where a message went; `answer` is there when it was waited for. */
export interface Taken {
  readonly thread: string;
  readonly turn: number;
  readonly answer: Omit<TurnAnswer, "thread"> | null;
  /** Response headers that say where the limits stand. */
  readonly headers: Record<string, string>;
}

/** Why not, and what the sender may be told besides. */
export interface Unheard {
  readonly refusal: Refusal;
  readonly headers?: Record<string, string>;
  readonly reply?: string;
}

/** Which turn of whose conversation. */
export interface TurnAsked {
  readonly channel: Channel;
  readonly user: string;
  readonly thread: string;
  readonly turn: number;
  readonly waitMs: number;
}

const pace = new RefusalPace();
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

/** Takes a message in. */
export async function takeMessage(heard: Heard, env: Env): Promise<Taken | Unheard> {
  const { channel, message, idempotency, waitMs, signed, traceparent = null } = heard;
  const refusal = decideAccess(channel, env, (lists, groups) => decideMessage(message, lists, channel, groups));
  if (refusal) return refuseMessage(refusal, channel, message.user, env);
  const thread = message.thread ?? freshThread(message.user, idempotency);
  const key = threadKey(channel, message.user, thread);
  // From memory: a flood costs no commit, no conversation and little work.
  if (walking.isCrowded(message.user)) return late(tooManyWaiting);
  if (!residents.hasPlace(key, message.user, Date.now())) return late(tooManyConversations);
  const asked = { channel, user: message.user, idempotency };
  const admitted = { ...asked, thread: key, bodyHash: signed?.bodyHash ?? null };
  const { refusal: unheard, headers } = await openLedger(env).admitMessage(admitted);
  if (unheard) return late(unheard, headers);
  const { text, room, workspace } = message;
  const place = {
    ...(room === undefined ? {} : { room }),
    ...(workspace === undefined ? {} : { workspace }),
    ...(signed === undefined ? {} : { signedBy: signed.by }),
    ...(traceparent === null || parseTraceparent(traceparent) === undefined ? {} : { traceparent }),
  };
  const taken = await lookAt({ key, user: message.user, waitMs }, env, (conversation) =>
    conversation.submit({ ...asked, key, text, place }, waitMs),
  );
  return "reason" in taken ? late(taken) : { thread, ...taken, headers };
}

/** Where a turn of a listed user stands; null when there is no such turn. */
export async function readTurn(asked: TurnAsked, env: Env): Promise<TurnAnswer | null | Unheard> {
  const { channel, user, thread, turn, waitMs } = asked;
  const refusal = decideUser(channel, user, env);
  if (refusal) return { refusal };
  const key = threadKey(channel, user, thread);
  if (!residents.hasPlace(key, user, Date.now())) return late(tooManyConversations);
  const answer = (await openLedger(env).hasThread(key))
    ? await lookAt({ key, user, waitMs }, env, (conversation) => conversation.answer(turn, waitMs))
    : null;
  if (answer && "reason" in answer) return late(answer);
  return answer && { thread, ...answer };
}

/** What a turn that was taken in says after its first `from` characters; null when there is no such turn. */
export async function tellTurn(asked: TurnAsked, from: number, env: Env): Promise<Told | null | Unheard> {
  const { channel, user, thread, turn, waitMs } = asked;
  const look = { key: threadKey(channel, user, thread), user, waitMs };
  const told = await lookAt(look, env, (conversation) => conversation.tell(turn, from, waitMs));
  return told && "reason" in told ? late(told) : told;
}

/** Whether a listed user ever said something in this conversation. */
export async function hasThread(
  { channel, user, thread }: Omit<TurnAsked, "turn" | "waitMs">,
  env: Env,
): Promise<boolean | Unheard> {
  const refusal = decideUser(channel, user, env);
  if (refusal) return refuseMessage(refusal, channel, user, env);
  return openLedger(env).hasThread(threadKey(channel, user, thread));
}

/** A refusal of too much, in its time. */
export async function late(refusal: Refusal, headers: Record<string, string> = {}): Promise<Unheard> {
  const delay = pace.delay(Date.now(), Math.random());
  if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
  return { refusal, headers };
}

/** Looks at a conversation, which is in memory meanwhile, if there is a place for it. */
async function lookAt<T>(
  { key, user, waitMs }: { key: string; user: string; waitMs: number },
  env: Env,
  look: (conversation: ReturnType<typeof openThread>) => Promise<T>,
): Promise<T | Refusal> {
  if (!residents.enter(key, user, waitMs, Date.now())) return tooManyConversations;
  try {
    return await look(openThread(env, key));
  } finally {
    residents.leave(key, Date.now());
  }
}

/** Unlisted senders are told so once a day, and never reach a thread or the model. */
async function refuseMessage(refusal: Refusal, channel: Channel, user: string, env: Env): Promise<Unheard> {
  if (refusal.reason === "channel_off") return { refusal };
  const isFirst = await openLedger(env).refuseSender({ channel, user, reason: refusal.reason });
  return isFirst ? { refusal, reply: replyTo(refusal) } : { refusal };
}

function decideUser(channel: Channel, user: string, env: Env): Refusal | undefined {
  return decideAccess(channel, env, ({ users }, groups) => decideSender(user, users, channel, groups));
}

/** A channel that does not stand in the deployment file is off. */
function decideAccess(
  channel: Channel,
  env: Env,
  decide: (lists: ChannelLists, groups: Manifest["groups"]) => Refusal | undefined,
): Refusal | undefined {
  const { channels, groups } = openRelease(env).manifest;
  const lists = channels[channel];
  return lists ? decide(lists, groups) : channelOff(channel);
}

export function channelOff(channel: Channel): Refusal {
  const field = `channels.${channel}`;
  const message = `this channel is off: list its users under ${field} in the deployment file`;
  return { control: "allowlists", reason: "channel_off", field, message };
}

/** A retry with the same key finds the same thread. */
function freshThread(user: string, idempotency: string | null): string {
  return idempotency === null ? crypto.randomUUID() : `k_${sha256Hex(`${user}\n${idempotency}`).slice(0, 24)}`;
}

/** Name of the Durable Object; the user is encoded, so no two users can meet in one. */
function threadKey(channel: Channel, user: string, thread: string): string {
  return `${channel}:${encodeURIComponent(user)}:${thread}`;
}
