// Rooms 1 and 11 for the `api` channel: reads a request, hands what it says to the one way in, and writes the answer. A
// caller cannot name a thread of somebody else: the user is part of the thread's name (way-in.ts).
import { messageRequest } from "../../controls/wire/gate.ts";
import type { Env } from "../env.ts";
import type { z } from "zod";
import { parseBody, problemResponse, refusalResponse } from "../problem.ts";
import { readIdempotency } from "./idempotency.ts";
import { saidBy } from "./said-by.ts";
import { readTurn, takeMessage, type Unheard } from "./way-in.ts";

const channel = "api";
const turnPath = /^\/v1\/threads\/([A-Za-z0-9_-]{1,64})\/turns\/([1-9][0-9]{0,8})$/;
const longestWaitMs = 30_000;

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
  const idempotency = readIdempotency(request);
  if (idempotency instanceof Response) return idempotency;
  const message = await parseBody(request, messageRequest);
  if (message instanceof Response) return message;
  return saidBy(message.user, await answerMessage(message, idempotency, request, env));
}

async function answerMessage(
  message: z.infer<typeof messageRequest>,
  idempotency: string | null,
  request: Request,
  env: Env,
): Promise<Response> {
  const waitMs = preferredWait(request.headers.get("prefer"));
  const traceparent = request.headers.get("traceparent");
  const taken = await takeMessage({ channel, message, idempotency, waitMs, traceparent }, env);
  if ("refusal" in taken) return unheardResponse(taken);
  const { thread, turn, answer, headers } = taken;
  if (answer && answer.state !== "queued" && answer.state !== "running")
    return Response.json({ thread, ...answer }, { headers });
  return Response.json({ thread, turn }, { status: 202, headers });
}

/** A refusal of the way in as a problem document. */
export function unheardResponse({ refusal, ...more }: Unheard): Response {
  return refusalResponse(refusal, more);
}

/** `Prefer: wait=SECONDS` (RFC 7240, section 4.3): how long the caller would wait for the answer itself, milliseconds. */
function preferredWait(header: string | null): number {
  const seconds = /(?:^|,)\s*wait=([0-9]{1,3})\s*(?:[,;]|$)/i.exec(header ?? "")?.[1];
  return Math.min(longestWaitMs, Number(seconds ?? 0) * 1000);
}

async function showTurn(url: URL, env: Env, thread: string, turn: number): Promise<Response> {
  const user = url.searchParams.get("user") ?? "";
  if (user === "") return problemResponse(400, "bad_request", "say whose thread it is", "user");
  const waitMs = Number(url.searchParams.get("wait") ?? 0);
  if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > longestWaitMs) {
    return problemResponse(400, "bad_request", `milliseconds from 0 to ${longestWaitMs}`, "wait");
  }
  const by = url.searchParams.get("channel") ?? channel;
  if (by !== channel && by !== "webhook") return problemResponse(400, "bad_request", "api or webhook", "channel");
  const answer = await readTurn({ channel: by, user, thread, turn, waitMs }, env);
  if (answer && "refusal" in answer) return saidBy(user, unheardResponse(answer));
  return saidBy(user, answer ? Response.json(answer) : problemResponse(404, "not_found", "there is no such turn"));
}
