// Control `least-privilege`, `callbacks`: what a request through a deployment's door is: one of the broker's own names, a
// model call, or egress. Everything in it is hostile but the socket it came through. Must stay true: the full URL in the
// request line decides and nothing else does, no header names a host or a deployment. Control `workflow`: of a frozen
// deployment nothing leaves; heads are still signed and outcomes told, so that what is under way becomes known.
import type { IncomingMessage, ServerResponse } from "node:http";
import { decideDestination, decideModelCall, type Destination } from "../../controls/egress/destination.ts";
import type { Checked } from "../../controls/egress/refusal.ts";
import { callHeader, callKeyPattern, doorHosts } from "../../controls/wire/door.ts";
import {
  frozenProblem,
  problem,
  problemAnswer,
  refusalProblem,
  sendAnswer,
  type Answer,
  type Problem,
} from "./answer.ts";
import { overloaded } from "./body.ts";
import type { Deployment } from "./deployment.ts";
import { forward, logEnding, prepare } from "./forward.ts";
import { forwardCall } from "./forward-call.ts";
import type { Hold } from "./load.ts";
import { answerOutcome, answerRecords, answerSign } from "./own-hosts.ts";
import { answerVerify } from "./verify.ts";

/** Answers one request of a deployment's gate; resolves when the answer has left. Never throws. */
export async function serveDoor(
  deployment: Deployment,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const hold = deployment.load.enter();
  if (hold === null) return refuseRequest(deployment, request, response, overloaded);
  const left = new Promise<void>((resolve) => response.once("close", resolve));
  try {
    await serve(deployment, request, response, hold);
  } catch (error) {
    deployment.services.log("error", "bug", {
      deployment: deployment.name,
      error: (error as Error).stack ?? String(error),
    });
    sendAnswer(
      response,
      problemAnswer(problem("broken", "internal_error", "the broker failed at this request; see its log")),
    );
    if (!response.writableEnded) response.destroy();
  } finally {
    // An answer that nobody reads lies in memory as long as it is not read.
    await left;
    hold.end();
  }
}

async function serve(
  deployment: Deployment,
  request: IncomingMessage,
  response: ServerResponse,
  hold: Hold,
): Promise<void> {
  if (deployment.isRemoved) {
    return refuseRequest(
      deployment,
      request,
      response,
      problem("refused", "deployment_removed", "this deployment was removed; nothing was sent"),
    );
  }
  if (request.headers.upgrade !== undefined) {
    return refuseRequest(
      deployment,
      request,
      response,
      problem("refused", "upgrade_refused", "no connection is upgraded through the door; send plain HTTP"),
    );
  }
  const target = request.url ?? "";
  const url = URL.parse(target);
  const path = url === null ? "" : url.pathname + url.search;
  const host = url?.protocol === "http:" && url.port === "" ? url.hostname : "";
  const isAnsweredFrozen = host === doorHosts.sign || host === doorHosts.outcome;
  if (deployment.isFrozen && !isAnsweredFrozen) return refuseRequest(deployment, request, response, frozenProblem());
  switch (host) {
    case doorHosts.records:
      return sendHeld(response, await answerRecords(deployment, request, path, hold), hold);
    case doorHosts.sign:
      return sendHeld(response, await answerSign(deployment, request, path, hold), hold);
    case doorHosts.outcome:
      return sendHeld(response, await answerOutcome(deployment, request, path), hold);
    case doorHosts.verify:
      return sendHeld(response, await answerVerify(deployment, request, path, hold), hold);
    case doorHosts.model:
      return sendOut(deployment, request, response, hold, decideModelCall(deployment.plan, request.method ?? "", path));
    default:
      return sendOut(
        deployment,
        request,
        response,
        hold,
        decideDestination(deployment.plan, request.method ?? "", target),
      );
  }
}

async function sendOut(
  deployment: Deployment,
  request: IncomingMessage,
  response: ServerResponse,
  hold: Hold,
  decided: Checked<Destination>,
): Promise<void> {
  const startedAt = performance.now();
  if (decided.verdict === "refuse")
    return refuseRequest(deployment, request, response, refusalProblem(decided.refusal));
  const destination = decided.value;
  const call = request.headers[callHeader];
  if (call !== undefined && (typeof call !== "string" || !callKeyPattern.test(call) || destination.rule === "model")) {
    return refuseRequest(
      deployment,
      request,
      response,
      problem("refused", "bad_call_key", `${callHeader} must be <callId>.<attempt>, once, and not on a model call`),
    );
  }
  const prepared = await prepare(deployment, destination, request, hold);
  if (prepared.ok && deployment.isFrozen) return refuseRequest(deployment, request, response, frozenProblem());
  if (!prepared.ok) return refuseRequest(deployment, request, response, prepared.problem);
  const { method } = prepared.value.outgoing;
  if (call === undefined) {
    const ending = await forward(deployment, prepared.value, response);
    return logEnding(deployment, destination, method, ending, startedAt);
  }
  const { answer, ending, isDialled } = await forwardCall(deployment, prepared.value, String(call), hold);
  if (!isDialled && ending.problem !== undefined) return refuseRequest(deployment, request, response, ending.problem);
  sendAnswer(response, answer);
  logEnding(deployment, destination, method, ending, startedAt);
}

function sendHeld(response: ServerResponse, answer: Answer, hold: Hold): void {
  sendAnswer(response, hold.take(answer.body.length) ? answer : problemAnswer(overloaded));
}

function refuseRequest(deployment: Deployment, request: IncomingMessage, response: ServerResponse, why: Problem): void {
  // The host only: a path or a query can hold what must not be in a log.
  const host = URL.parse(request.url ?? "")?.host ?? "";
  deployment.refusalLog("warn", "egress_refused", {
    deployment: deployment.name,
    host: host.slice(0, 260),
    method: (request.method ?? "").slice(0, 16),
    word: why.word,
    reason: why.reason,
  });
  deployment.services.tally.note(deployment.name, "egress_refused", { host: host.slice(0, 260), reason: why.reason });
  sendAnswer(response, problemAnswer(why));
}
