// Control `least-privilege`, `audit`: the names that the broker answers itself, all but the model. A gate asks here for
// rows, signatures and outcomes of its own deployment; which one that is was decided by the socket it came through, so no
// request can name another. Must stay true: one path and one method each, every body parsed by its schema.
import type { IncomingMessage } from "node:http";
import { chainId } from "../../controls/audit/chain.ts";
import { callKeyPattern, recordRequest, signRequest } from "../../controls/wire/door.ts";
import {
  frozenProblem,
  jsonAnswer,
  problem,
  problemAnswer,
  refusalProblem,
  storageProblem,
  type Answer,
} from "./answer.ts";
import { readJson } from "./body.ts";
import type { Deployment } from "./deployment.ts";
import type { Hold } from "./load.ts";

/** 2000 digests and their quotes. */
const maxSignBytes = 262_144;
const maxParamsBytes = 1_048_576;

/** `POST http://records.internal/<view>` */
export async function answerRecords(
  deployment: Deployment,
  request: IncomingMessage,
  path: string,
  hold: Hold,
): Promise<Answer> {
  if (request.method !== "POST") return wrongUse("POST http://records.internal/<view>");
  const body = await readJson(request, recordRequest, maxParamsBytes, hold);
  if (!body.ok) return problemAnswer(body.problem);
  if (deployment.isFrozen) return problemAnswer(frozenProblem());
  const result = await deployment.records.query(deployment.release, path.slice(1), body.value.params);
  if (result.ok) return jsonAnswer(200, { ...result.answer });
  const why = refusalProblem(result.refusal);
  deployment.refusalLog("warn", "records_refused", {
    deployment: deployment.name,
    view: path.slice(1, 65),
    reason: why.reason,
    message: why.message,
  });
  deployment.services.tally.note(deployment.name, "records_refused", {
    view: path.slice(1, 65),
    reason: why.reason,
  });
  return problemAnswer(why);
}

/** `POST http://sign.internal/head` */
export async function answerSign(
  deployment: Deployment,
  request: IncomingMessage,
  path: string,
  hold: Hold,
): Promise<Answer> {
  if (request.method !== "POST" || path !== "/head") return wrongUse("POST http://sign.internal/head");
  const body = await readJson(request, signRequest, maxSignBytes, hold);
  if (!body.ok) return problemAnswer(body.problem);
  try {
    const signed = deployment.services.signer.sign(chainId(deployment.name, "gate"), body.value);
    if (signed.isSigned) return jsonAnswer(200, { ...signed.answer });
    deployment.refusalLog("warn", "sign_refused", {
      deployment: deployment.name,
      sequence: body.value.sequence,
      signed: signed.conflict.sequence,
    });
    deployment.services.tally.note(deployment.name, "sign_refused", {
      chain: "gate",
      signed: signed.conflict.sequence,
    });
    return jsonAnswer(409, { ...signed.conflict });
  } catch (error) {
    return storageFailed(deployment, error);
  }
}

/** `GET http://outcome.internal/<callId>.<attempt>` */
export async function answerOutcome(deployment: Deployment, request: IncomingMessage, path: string): Promise<Answer> {
  const call = path.slice(1);
  if (request.method !== "GET" || !callKeyPattern.test(call))
    return wrongUse("GET http://outcome.internal/<callId>.<attempt>");
  try {
    return jsonAnswer(200, { ...(await deployment.services.calls.outcome(deployment.name, call)) });
  } catch (error) {
    return storageFailed(deployment, error);
  }
}

function wrongUse(use: string): Answer {
  return problemAnswer(problem("refused", "bad_request", `only ${use} is answered here`));
}

function storageFailed(deployment: Deployment, error: unknown): Answer {
  deployment.refusalLog("error", "storage_failed", { deployment: deployment.name, error: (error as Error).message });
  return problemAnswer(storageProblem());
}
