// Control `secrets`, `redeploys`, `workflow`: what the supervisor tells the broker, over a 0600 socket in the broker's own run folder.
// Whoever could open it could give any deployment any rule and any credential, so the file's mode is the whole lock. Must
// stay true: values go in and never come out, and nothing here answers with more than a word and a reason.
import type { IncomingMessage, ServerResponse } from "node:http";
import { canSign, signingForm } from "../../controls/access/webhook.ts";
import { chainId } from "../../controls/audit/chain.ts";
import { maxSecretLength, namePattern } from "../../controls/manifest/shapes.ts";
import { brokerDeployment } from "../../controls/wire/control.ts";
import { jsonAnswer, problem, problemAnswer, sendAnswer, type Answer } from "./answer.ts";
import { readBody, readJson } from "./body.ts";
import type { Calls } from "./calls.ts";
import { answerChains, type Chains } from "./chain-control.ts";
import { maxReleaseBytes, type Deployments } from "./deployments.ts";
import type { Log } from "./log.ts";
import type { SecretsFile } from "./secrets-file.ts";

export interface Controlled extends Chains {
  readonly deployments: Deployments;
  readonly secrets: SecretsFile;
  readonly calls: Pick<Calls, "forget">;
  readonly log: Log;
}

const done: Answer = { status: 204, headers: {}, body: Buffer.alloc(0) };

/** Answers one request of the supervisor. Never throws. */
export async function serveControl(
  controlled: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await answerControl(controlled, request);
  } catch (error) {
    const message = (error as Error).message;
    controlled.log("error", "control_failed", { method: request.method ?? "", error: message });
    answer = jsonAnswer(500, { word: "refused", reason: "failed", message: message.slice(0, 500) });
  }
  sendAnswer(response, answer);
}

async function answerControl(controlled: Controlled, request: IncomingMessage): Promise<Answer> {
  // A path, or the full URL of a client that always sends one.
  const url = URL.parse(request.url ?? "", "http://broker/");
  const parts = (url?.pathname ?? "").split("/").slice(1);
  const [first = "", name = "", second = "", secret = ""] = parts;
  const use = `${request.method} ${first}${second === "" ? "" : `/${second}`} ${parts.length}`;
  if (use === "GET healthz 1") return jsonAnswer(200, { state: "ok" });
  if (use === "PUT deployments 2") return putDeployment(controlled, request, name);
  if (use === "DELETE deployments 2") return removeDeployment(controlled, name);
  if (use === "PUT deployments/frozen 3") return setFrozen(controlled, name, true);
  if (use === "DELETE deployments/frozen 3") return setFrozen(controlled, name, false);
  if (use === "POST deployments/forget 3") return forget(controlled, name);
  if (use === "PUT deployments/secrets 4") return putSecret(controlled, request, name, secret);
  const chains = url === null ? null : await answerChains(controlled, request, url);
  return chains ?? { ...problemAnswer(problem("refused", "not_found", "no such thing here")), status: 404 };
}

async function putDeployment(
  { deployments, chain, log }: Controlled,
  request: IncomingMessage,
  name: string,
): Promise<Answer> {
  const body = await readJson(request, brokerDeployment, maxReleaseBytes);
  if (!body.ok) return { ...problemAnswer(body.problem), status: 400 };
  const isSame = deployments.isServed(name, body.value.release);
  const wasFrozen = deployments.isFrozen(name);
  const refusal = await deployments.put(name, body.value.release, body.value.frozen);
  if (refusal !== null)
    return jsonAnswer(422, {
      word: "refused",
      reason: refusal.reason,
      message: refusal.message,
      ...(refusal.field === undefined ? {} : { field: refusal.field }),
    });
  if (body.value.frozen && wasFrozen !== true) chain.append(name, "frozen", {});
  // The supervisor puts what is there already whenever one of the two starts again.
  if (!isSame) chain.append(name, "deployment_put", { release: body.value.release.release });
  log("info", "deployment_put", { deployment: name, release: body.value.release.release });
  return done;
}

/** One that never came to be. What its gate did while it was tried is over; secrets that were put for it wait for the next. */
async function removeDeployment(controlled: Controlled, name: string): Promise<Answer> {
  const { deployments, chain, log } = controlled;
  if (await deployments.remove(name)) chain.append(name, "deployment_removed", {});
  if (namePattern.test(name)) await endLife(controlled, name);
  log("info", "deployment_removed", { deployment: name });
  return done;
}

/** The deployment's life ends, and its secrets with it. */
async function forget(controlled: Controlled, name: string): Promise<Answer> {
  const { deployments, secrets, log } = controlled;
  if (!namePattern.test(name))
    return { ...problemAnswer(problem("refused", "not_found", "no such name")), status: 404 };
  await deployments.remove(name);
  secrets.forget(name);
  await endLife(controlled, name);
  log("info", "deployment_forgotten", { deployment: name });
  return done;
}

/**
 * Nothing of a life may reach a later deployment of its name, whose calls have the same ids. Its gate's chain ends at the
 * head signed last, which this chain tells: a gate's chain that begins anew is then no rewritten one.
 */
async function endLife({ calls, chain, signer }: Controlled, name: string): Promise<void> {
  await calls.forget(name);
  chain.together(() => {
    const gate = signer.endChain(chainId(name, "gate"));
    if (gate.sequence > 0) chain.append(name, "deployment_forgotten", { gate: { ...gate } });
  });
}

async function setFrozen({ deployments, chain, log }: Controlled, name: string, isFrozen: boolean): Promise<Answer> {
  const wasFrozen = deployments.isFrozen(name);
  if (!(await deployments.setFrozen(name, isFrozen)))
    return {
      ...problemAnswer(problem("refused", "not_found", `there is no deployment ${name.slice(0, 64)}`)),
      status: 404,
    };
  if (wasFrozen !== isFrozen) chain.append(name, isFrozen ? "frozen" : "thawed", {});
  log("info", isFrozen ? "deployment_frozen" : "deployment_thawed", { deployment: name });
  return done;
}

async function putSecret(
  { deployments, secrets, chain, log }: Controlled,
  request: IncomingMessage,
  name: string,
  secret: string,
): Promise<Answer> {
  const body = await readBody(request, maxSecretLength + 2);
  if (!body.ok) return { ...problemAnswer(body.problem), status: 400 };
  // A value that was typed or echoed into a pipe ends with a line break that is not part of it.
  const value = body.value.toString("utf8").replace(/\r?\n$/, "");
  const isUseless = deployments.signingSecret(name) === secret && !canSign(value);
  const reason = isUseless
    ? `secret ${secret} signs the webhooks of ${name}: it has to be ${signingForm}`
    : secrets.set(name, secret, value);
  body.value.fill(0);
  if (reason !== null) return { ...problemAnswer(problem("refused", "bad_secret", reason)), status: 400 };
  chain.append(name, "secret_set", { secret });
  log("info", "secret_set", { deployment: name, name: secret });
  return done;
}
