// Control `admin-access`, `gateway-tokens`: the operator's way to one gate. The caller never sees the gate's control token
// and cannot bring one: its own authorization, hop-by-hop headers and all of Ambit's own are taken off, then the token of
// this one deployment is put on. Everything is bounded in size and time.
import { request as openRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { ownHeaderPrefix } from "../../controls/wire/door.ts";
import type { Gate } from "./gate.ts";
import type { Host } from "./host.ts";
import { actOf } from "./operator-acts.ts";
import { makeProblem } from "./problem.ts";

const limitMs = 60_000;
const maxBytes = 2_097_152;
/** Requests that wait for gates at once. The socket takes more connections: a gate that answers nothing must leave room to freeze it. */
const maxPassed = 32;
const path = /^\/v1\/deployments\/([^/?]+)\/gate(\/[^#]*)$/;

/** RFC 9110, section 7.6.1, and what we write ourselves. */
const dropped = new Set(
  "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host authorization expect".split(
    " ",
  ),
);

/** Headers of one side that may cross to the other. */
export function keepHeaders(headers: IncomingMessage["headers"]): OutgoingHttpHeaders {
  const named = new Set(
    (headers.connection ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  const kept = Object.entries(headers).filter(
    ([name, value]) =>
      value !== undefined && !dropped.has(name) && !named.has(name) && !name.startsWith(ownHeaderPrefix),
  );
  return Object.fromEntries(kept);
}

async function* bounded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the body is over ${maxBytes} bytes`);
    yield chunk;
  }
}

async function exchange(
  { audit }: Host,
  gate: Gate,
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "GET" } = request;
  // A question ends with whoever asked it, so that a gate that answers nothing holds no place for long; an act does not.
  const gone = new AbortController();
  if (method === "GET") response.once("close", () => gone.abort());
  const signal = AbortSignal.any([AbortSignal.timeout(limitMs), gone.signal]);
  const body = Buffer.concat(await Array.fromAsync(bounded(request)));
  const headers = { ...keepHeaders(request.headers), host: gate.name, authorization: `Bearer ${gate.controlToken}` };
  const act = actOf(method, target, body);
  // First the entry: what cannot be written down is not passed on.
  if (act !== null) audit.append(gate.name, act.event, act.detail, act.callId);
  const sent = openRequest({ socketPath: gate.socket, path: target, method, headers, signal, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    sent.once("response", resolve).once("error", reject),
  );
  // In one piece: a gate that answers and closes while we still write would look like one that broke.
  sent.end(body);
  const answer = await answered;
  sent.on("error", () => undefined);
  response.writeHead(answer.statusCode ?? 502, keepHeaders(answer.headers));
  await pipeline(answer, response, { signal });
}

function describeFailure(name: string, error: unknown): ReturnType<typeof makeProblem> {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (["ENOENT", "ECONNREFUSED"].includes(code)) {
    return makeProblem(
      503,
      "gate_not_ready",
      `the gate of ${name} is starting: try again in a moment, or see ambit status`,
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  return makeProblem(502, "gate_broken", `the gate of ${name} gave no whole answer (${why}): see its lines in the log`);
}

let passed = 0;

/** Passes a request on when its path names a gate; false when it does not. */
export async function passToGate(host: Host, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const [, name, target] = path.exec(request.url ?? "") ?? [];
  if (name === undefined || target === undefined) return false;
  const gate = host.gates.get(name);
  const refuse = (problem: ReturnType<typeof makeProblem>): boolean => {
    const headers = { "content-type": "application/problem+json", connection: "close" };
    response.writeHead(problem.status, headers).end(JSON.stringify(problem));
    return true;
  };
  if (gate === undefined)
    return refuse(makeProblem(404, "no_such_deployment", `there is no deployment ${name}: see ambit ls`));
  if (!gate.isPublished)
    return refuse(makeProblem(503, "deploy_under_way", `a deploy of ${name} is under way: try again when it is done`));
  if (passed >= maxPassed)
    return refuse(
      makeProblem(503, "gates_busy", `${maxPassed} requests wait for gates already: try again in a moment`),
    );
  passed++;
  try {
    await exchange(host, gate, target, request, response);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else return refuse(describeFailure(name, error));
  } finally {
    passed--;
  }
  return true;
}
