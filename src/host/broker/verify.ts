// Control `allowlists`, `secrets`: `verify.internal`, which says whether a webhook was signed with the secret that this
// deployment's release names for it. A gate that was taken over wants to learn a secret, or to have another one tried: no
// request names one, the answer is a word, and no answer holds what would have been right. Strangers reach this through a
// gate: what they are refused is counted, and nothing is kept of it.
import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { Refusal } from "../../boundary.ts";
import { decideWebhook } from "../../controls/access/webhook.ts";
import { maxWebhookBytes, webhookHeaders, type verifyAnswer } from "../../controls/wire/door.ts";
import { frozenProblem, jsonAnswer, problem, problemAnswer, type Answer } from "./answer.ts";
import { readBody } from "./body.ts";
import type { Deployment } from "./deployment.ts";
import type { Hold } from "./load.ts";

/** `POST http://verify.internal/webhook` */
export async function answerVerify(
  deployment: Deployment,
  request: IncomingMessage,
  path: string,
  hold: Hold,
): Promise<Answer> {
  if (request.method !== "POST" || path !== "/webhook")
    return problemAnswer(
      problem("refused", "bad_request", "only POST http://verify.internal/webhook is answered here"),
    );
  const body = await readBody(request, maxWebhookBytes, hold);
  if (!body.ok) return problemAnswer(body.problem);
  if (deployment.isFrozen) return problemAnswer(frozenProblem());
  const secret = deployment.release.manifest.channels.webhook?.secret;
  const refusal = secret === undefined ? channelOff : decide(deployment, secret, request, body.value);
  const isSigned = secret !== undefined && refusal === undefined;
  const answer: z.infer<typeof verifyAnswer> = isSigned ? { isSigned, secret } : told(refusal ?? channelOff);
  if (refusal !== undefined) note(deployment, refusal);
  return jsonAnswer(200, answer);
}

function decide(deployment: Deployment, name: string, request: IncomingMessage, body: Buffer): Refusal | undefined {
  const secret = deployment.services.secrets.open(deployment.name, name);
  if (secret === null) return notUsable(`secret ${name} was not set`);
  const header = (which: keyof typeof webhookHeaders): string => String(request.headers[webhookHeaders[which]] ?? "");
  const message = { id: header("id"), timestamp: header("timestamp"), signature: header("signature"), body };
  return decideWebhook(message, secret, Date.now());
}

const channelOff = refuse("channel_off", "channels.webhook", "is not in the release that runs");

function notUsable(message: string): Refusal {
  return refuse("secret_not_usable", "channels.webhook.secret", message);
}

function refuse(reason: string, field: string, message: string): Refusal {
  return { control: "allowlists", reason, field, message };
}

function told({ reason, message, field = "" }: Refusal): z.infer<typeof verifyAnswer> {
  return { isSigned: false, reason, message, field };
}

function note(deployment: Deployment, { reason, field = "", message }: Refusal): void {
  const { name, services } = deployment;
  deployment.refusalLog("warn", "webhook_refused", { deployment: name, reason, field, message });
  services.tally.note(name, "webhook_refused", { reason, field });
}
