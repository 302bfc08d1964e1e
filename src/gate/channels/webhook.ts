// Rooms 1 and 11 for the `webhook` channel: a signed request becomes a message of the user that it names. Strangers may send
// anything here, for there is no token: so nothing of a request is parsed before the broker, which holds the secret, has
// said that it was signed, few are asked about at once, and one that was caught and is sent again is the same message.
import { sha256Hex } from "../../controls/audit/digest.ts";
import {
  doorHosts,
  maxWebhookBytes,
  maxWebhookHeaderLength,
  verifyAnswer,
  webhookHeaders,
} from "../../controls/wire/door.ts";
import { webhookRequest } from "../../controls/wire/gate.ts";
import { parseSafely } from "../../controls/wire/parse.ts";
import type { Refusal } from "../../boundary.ts";
import { DoorError, fetchThroughDoor } from "../door.ts";
import { openRelease, type Env } from "../env.ts";
import { parseBytes, problemResponse, readBody, refusalResponse } from "../problem.ts";
import { withLimit } from "../time-limit.ts";
import { unheardResponse } from "./api.ts";
import { Checks } from "./checks.ts";
import { saidBy } from "./said-by.ts";
import { channelOff, late, takeMessage } from "./way-in.ts";

const channel = "webhook";
/** The broker answers within milliseconds, or is restarting. */
const checkMs = 5000;

const checks = new Checks();
const tooManyChecks: Refusal = {
  control: "rate-limits",
  reason: "too_many_messages",
  message: "too many webhooks are checked at once: send it again later",
};

/** Answers a request to `/v1/webhooks`; nobody is known yet. */
export async function answerWebhook(request: Request, env: Env): Promise<Response> {
  if (request.method !== "POST") return problemResponse(405, "wrong_method", "use POST", undefined, { allow: "POST" });
  if (!openRelease(env).manifest.channels.webhook) return refusalResponse(channelOff(channel));
  const headers = readHeaders(request);
  if (headers instanceof Response) return headers;
  const bytes = await readBody(request, maxWebhookBytes);
  if (bytes instanceof Response) return bytes;
  const place = checks.enter(Date.now());
  if (place === undefined) return unheardResponse(await late(tooManyChecks));
  const signed = await checkSignature(headers, bytes).finally(() => checks.leave(place));
  if (signed instanceof Response) return signed;
  const webhook = parseBytes(bytes, webhookRequest);
  if (webhook instanceof Response) return webhook;
  const idempotency = headers[webhookHeaders.id] ?? null;
  const from = { by: signed.secret, bodyHash: sha256Hex(bytes) };
  const taken = await takeMessage({ channel, message: webhook.data, idempotency, waitMs: 0, signed: from }, env);
  const { user } = webhook.data;
  if ("refusal" in taken) return saidBy(user, unheardResponse(taken));
  const { thread, turn, headers: said } = taken;
  return saidBy(user, Response.json({ thread, turn }, { status: 202, headers: said }));
}

/** The three headers, each there and of a length that is worth passing on. */
function readHeaders(request: Request): Record<string, string> | Response {
  const headers: Record<string, string> = {};
  for (const name of Object.values(webhookHeaders)) {
    const value = request.headers.get(name);
    if (value === null) return problemResponse(401, "signature_not_valid", "sign it: standardwebhooks.com", name);
    if (value.length > maxWebhookHeaderLength)
      return problemResponse(400, "bad_request", `at most ${maxWebhookHeaderLength} characters`, name);
    headers[name] = value;
  }
  return headers;
}

/** Asks the broker, which holds the secret. What only the operator can mend is not the sender's to know. */
async function checkSignature(
  headers: Record<string, string>,
  body: Uint8Array,
): Promise<{ readonly secret: string } | Response> {
  try {
    const answer = await withLimit(checkMs, async (signal) => {
      const url = `http://${doorHosts.verify}/webhook`;
      const response = await fetchThroughDoor(url, { method: "POST", headers, body, signal });
      return parseSafely(verifyAnswer, await response.json());
    });
    if (!answer.success) return notNow("the signature could not be checked now");
    if (answer.data.isSigned) return answer.data;
    const { reason, field, message } = answer.data;
    if (reason === "secret_not_usable")
      return notNow("this channel is not set up yet, its operator has to set its secret");
    const refusal: Refusal = { control: "allowlists", reason, field, message };
    return refusalResponse(refusal);
  } catch (thrown) {
    if (thrown instanceof DoorError && thrown.reason === "frozen")
      return refusalResponse({ control: "workflow", reason: "frozen", message: "this deployment is frozen" });
    return notNow("the signature could not be checked now");
  }
}

function notNow(detail: string): Response {
  return problemResponse(503, "unavailable", `${detail}: send it again later`, undefined, { "retry-after": "5" });
}
