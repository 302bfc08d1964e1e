// What the operator may ask of a gate: decide held calls, look at tools, read the audit, freeze and thaw. Only the
// supervisor holds a token for this, and it never comes through the front.
import { z } from "zod";
import { pageEntries } from "../controls/wire/audit.ts";
import { frozenSince, thawRequest } from "../controls/wire/freeze.ts";
import {
  acceptToolRequest,
  approvalState,
  decisionRequest,
  drainRequest,
  explainRequest,
} from "../controls/wire/gate.ts";
import { drain } from "./drain.ts";
import { openLedger, openRelease, type Env } from "./env.ts";
import { goOn } from "./heartbeat.ts";
import { findPolicyFault } from "./ledger/policy-overlay.ts";
import { parseBody, problemResponse } from "./problem.ts";
import { listNamedTools } from "./tools/pin.ts";

const approvalPath = /^\/control\/approvals\/([a-z0-9_-]{8,80})$/;

/** Answers `/control/...`; the token was checked. */
export async function answerControl(request: Request, url: URL, env: Env): Promise<Response> {
  const route = `${request.method} ${url.pathname}`;
  const ledger = openLedger(env);
  if (route === "GET /control/status") return Response.json(await ledger.status());
  if (route === "POST /control/pin") return pinTools(env);
  if (route === "POST /control/drain") return drainTurns(request);
  if (route === "POST /control/freeze") return freeze(request, env);
  if (route === "POST /control/thaw") return thaw(request, env);
  if (route === "GET /control/tools") return Response.json({ tools: (await ledger.status()).tools });
  if (route === "POST /control/tools/accept") return acceptTool(request, env);
  if (route === "POST /control/policy/explain") return explain(request, env);
  if (route === "GET /control/audit") return readAudit(url, env);
  if (route === "GET /control/approvals") return listApprovals(url, env);
  const callId = approvalPath.exec(url.pathname)?.[1];
  if (callId && request.method === "GET") {
    const approval = await ledger.approval(callId);
    return approval ? Response.json(approval) : problemResponse(404, "not_found", `there is no call ${callId}`);
  }
  if (callId && request.method === "POST") return decide(request, env, callId);
  return problemResponse(404, "not_found", "there is nothing at this path");
}

async function pinTools(env: Env): Promise<Response> {
  const tools = await listNamedTools(openRelease(env));
  if ("reason" in tools) return problemResponse(422, tools.reason, tools.message, tools.field);
  const fault = findPolicyFault(openRelease(env), tools);
  if (fault) return problemResponse(422, fault.reason, fault.message, fault.field);
  return Response.json(await openLedger(env).open(tools));
}

async function drainTurns(request: Request): Promise<Response> {
  const body = await parseBody(request, drainRequest);
  if (body instanceof Response) return body;
  const walking = await drain.run(body.limitMs);
  if (body.letGo) drain.letGo();
  return Response.json({ walking });
}

async function freeze(request: Request, env: Env): Promise<Response> {
  const body = await parseBody(request, frozenSince);
  if (body instanceof Response) return body;
  return Response.json({ frozen: await openLedger(env).freeze(body) });
}

async function thaw(request: Request, env: Env): Promise<Response> {
  const body = await parseBody(request, thawRequest);
  if (body instanceof Response) return body;
  const frozen = await openLedger(env).thaw(body.by);
  // What waited for it need not wait for its alarm.
  await goOn(env);
  return Response.json({ frozen });
}

async function acceptTool(request: Request, env: Env): Promise<Response> {
  const body = await parseBody(request, acceptToolRequest);
  if (body instanceof Response) return body;
  const accepted = await openLedger(env).acceptTool(body.server, body.tool, body.hash);
  if (!accepted)
    return problemResponse(409, "not_seen", "no changed definition with this hash was seen; look again", "hash");
  return Response.json({ tools: (await openLedger(env).status()).tools });
}

async function explain(request: Request, env: Env): Promise<Response> {
  const body = await parseBody(request, explainRequest);
  return body instanceof Response ? body : Response.json(await openLedger(env).explain(body));
}

async function listApprovals(url: URL, env: Env): Promise<Response> {
  const state = approvalState.safeParse(url.searchParams.get("state") ?? "held");
  if (!state.success) return problemResponse(400, "bad_request", `one of ${approvalState.options.join(", ")}`, "state");
  return Response.json(await openLedger(env).approvals(state.data));
}

async function decide(request: Request, env: Env, callId: string): Promise<Response> {
  const body = await parseBody(request, decisionRequest);
  if (body instanceof Response) return body;
  const answer = await openLedger(env).decide(callId, body);
  if (!("refused" in answer)) return Response.json(answer);
  return problemResponse(decisionStatus[answer.refused] ?? 409, answer.refused, answer.message, answer.field);
}

/** A decision that the state of the call refuses is a conflict; one by the wrong person is forbidden. */
const decisionStatus: Readonly<Record<string, number>> = {
  not_found: 404,
  not_an_approver: 403,
  requester_cannot_approve: 403,
};

async function readAudit(url: URL, env: Env): Promise<Response> {
  const after = z.coerce
    .number()
    .int()
    .min(0)
    .safeParse(url.searchParams.get("after") ?? 0);
  if (!after.success) return problemResponse(400, "bad_request", "a sequence number", "after");
  return Response.json(await openLedger(env).entries(after.data, pageEntries));
}
