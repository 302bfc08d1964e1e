// The Worker of one deployment: it decides and holds no key. Requests come from the front (channels) and from the
// supervisor (the operator), each with a token of this deployment, or signed; everything is parsed before it is believed.
import { parseBearer } from "../controls/access/bearer.ts";
import { matchToken } from "../controls/access/token.ts";
import { webhookPath } from "../controls/wire/gate.ts";
import { answerChannel } from "./channels/api.ts";
import { answerOpenAi } from "./channels/openai.ts";
import { asOpenAiError, isOpenAiPath } from "./channels/openai-error.ts";
import { answerWebhook } from "./channels/webhook.ts";
import { answerControl } from "./control.ts";
import { openRelease, openTokens, type Env, type TokenRow } from "./env.ts";
import { beat } from "./heartbeat.ts";
import { drainBody, problemResponse } from "./problem.ts";

export { Ledger } from "./ledger.ts";
export { Thread } from "./thread.ts";

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    context.waitUntil(beat(env, Date.now()));
    const response = await answer(request, env);
    await drainBody(request);
    return response;
  },
};

async function answer(request: Request, env: Env): Promise<Response> {
  const url = new URL(request.url);
  const response = await answerPath(request, url, env);
  return isOpenAiPath(url.pathname) ? asOpenAiError(response, request.headers.has("idempotency-key")) : response;
}

async function answerPath(request: Request, url: URL, env: Env): Promise<Response> {
  if (url.pathname === "/healthz") return Response.json({ ok: true, release: openRelease(env).release });
  const walk = findWalk(request, url, env);
  if (walk instanceof Response) return walk;
  try {
    return await walk();
  } catch (thrown) {
    console.error(
      JSON.stringify({ event: "request_failed", path: url.pathname, message: String(thrown).slice(0, 300) }),
    );
    return problemResponse(503, "unavailable", "the deployment could not answer; try again");
  }
}

/** What answers this request, once it is known who sent it; a webhook says that by its signature. */
function findWalk(request: Request, url: URL, env: Env): (() => Promise<Response>) | Response {
  if (url.pathname === webhookPath) return () => answerWebhook(request, env);
  const scope = url.pathname.startsWith("/control/") ? "control" : url.pathname.startsWith("/v1/") ? "chat" : undefined;
  if (!scope) return problemResponse(404, "not_found", "there is nothing at this path");
  const token = findToken(request, env);
  if (token?.scope !== scope) {
    return problemResponse(401, "token_not_valid", "send a valid token of this deployment as Authorization: Bearer");
  }
  if (scope === "control") return () => answerControl(request, url, env);
  if (isOpenAiPath(url.pathname)) return () => answerOpenAi(request, url, env, token.id);
  return () => answerChannel(request, url, env);
}

function findToken(request: Request, env: Env): TokenRow | undefined {
  const text = parseBearer(request.headers.get("authorization"));
  if (typeof text !== "string") return undefined;
  const row = matchToken(text, openTokens(env));
  return "digest" in row ? (row as TokenRow) : undefined;
}
