// Control `schemas`, `admin-access`: the two control sockets. Whoever can open `control.sock` is the operator: the folder and
// the mode 0600 say who that is. `admin/host.sock` is the admin process's: the same routes, but for ending Ambit and making
// tokens, and each act names who asked admin for it. Even so every request is parsed strictly and bounded, because files and
// words that others wrote are passed on. A secret's value goes through as bytes and is never looked at.
import { chmodSync, chownSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { maxSecretLength, namePattern, secretNamePattern } from "../../controls/manifest/shapes.ts";
import { stopRequest, type DeploymentList } from "../../controls/wire/control.ts";
import { freezeRequest, thawRequest } from "../../controls/wire/freeze.ts";
import { noteRequest } from "../../controls/wire/admin.ts";
import { noteAct, noteActor } from "./actor.ts";
import { passToAdmin } from "./admin-tokens.ts";
import { getChains, getKey, getPage, postSeal } from "./audit-control.ts";
import { parseJson, readBody, type Outcome, type Route, type Row } from "./control-body.ts";
import { passToGate } from "./gate-pass.ts";
import type { Host } from "./host.ts";
import { describeAnswer, makeProblem } from "./problem.ts";
import { releaseRoutes } from "./release-control.ts";

const maxSmallBytes = 8192;
const receiveMs = 30_000;

const noSuchPath = makeProblem(404, "no_such_path", "nothing is served at this path of the control socket");

const postFreeze: Route = async (host, request, [name = ""]) => {
  const parsed = await parseJson(request, freezeRequest, maxSmallBytes);
  if ("problem" in parsed) return parsed;
  const done = await host.freezer.freeze(name, parsed.value);
  return "problem" in done ? done : { status: 200, value: done.answer };
};

const postThaw: Route = async (host, request, [name = ""]) => {
  const parsed = await parseJson(request, thawRequest, maxSmallBytes);
  if ("problem" in parsed) return parsed;
  const done = await host.freezer.thaw(name, parsed.value);
  return "problem" in done ? done : { status: 200, value: done.answer };
};

const putSecret: Route = async (host, request, [name = "", secret = ""]) => {
  if (!secretNamePattern.test(secret)) {
    const detail = `${secret} is no name for a secret: a lower-case letter, then up to 47 letters, digits, _ and -`;
    return { problem: makeProblem(422, "wrong_name", detail, "secret") };
  }
  const value = await readBody(request, maxSecretLength);
  if (!Buffer.isBuffer(value)) return { problem: value };
  const answer = await host.link
    .putSecret(name, secret, value)
    .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  value.fill(0);
  if (typeof answer === "string") {
    return { problem: makeProblem(503, "broker_not_ready", answer) };
  }
  if (answer.status === 204) {
    host.audit.append(name, "secret_set", { secret });
    return { status: 204 };
  }
  return { problem: makeProblem(answer.status < 400 ? 502 : answer.status, "broker_refused", describeAnswer(answer)) };
};

const getDeployments: Route = (host) => {
  const deployments: DeploymentList["deployments"] = host.registry.list().map((row) => ({
    name: row.name,
    release: row.release?.release ?? "",
    state: host.gates.get(row.name)?.part.state ?? "stopped",
    mode: row.release?.manifest.mode ?? "",
    frozen: host.freezer.view(row.name),
  }));
  return { status: 200, value: { deployments } };
};

const postAuditSeal: Route = async (host, request, [name = ""]) => {
  const body = await readBody(request, maxSmallBytes);
  return Buffer.isBuffer(body) ? postSeal(host, name, body.toString("utf8")) : { problem: body };
};

const anyTokens: Route = async (host, request) => {
  const body = await readBody(request, maxSmallBytes);
  if (!Buffer.isBuffer(body)) return { problem: body };
  return passToAdmin(host, request.method ?? "", request.url ?? "", body.toString("utf8"));
};

const postNote: Route = async (host, request) => {
  const parsed = await parseJson(request, noteRequest, maxSmallBytes);
  if ("problem" in parsed) return parsed;
  noteAct(host, request, parsed.value);
  return { status: 204 };
};

const getMeasures: Route = async (host) => ({ status: 200, value: { front: await host.chains.measures() } });

/** Without a body the host's own drain counts. */
const postStop =
  (onStop: (drainMs?: number) => void): Route =>
  async (_host, request) => {
    const { "content-length": length = "0", "transfer-encoding": coding } = request.headers;
    if (length === "0" && coding === undefined) return (onStop(), { status: 202, value: {} });
    const parsed = await parseJson(request, stopRequest, maxSmallBytes);
    if ("problem" in parsed) return parsed;
    onStop(parsed.value.drainMs);
    return { status: 202, value: {} };
  };

const getStatus: Route = (host) => ({ status: 200, value: host.status() });

/** First match by path decides; names stand in the groups. */
function routes(onStop: (drainMs?: number) => void): Row[] {
  return [
    { method: "GET", path: /^\/v1\/status$/, route: getStatus },
    { method: "GET", path: /^\/v1\/measures$/, route: getMeasures },
    { method: "GET", path: /^\/v1\/audit$/, route: getChains },
    { method: "GET", path: /^\/v1\/deployments$/, route: getDeployments },
    ...releaseRoutes,
    { method: "PUT", path: /^\/v1\/deployments\/([^/?]+)\/secrets\/([^/?]+)$/, route: putSecret },
    { method: "GET", path: /^\/v1\/deployments\/([^/?]+)\/audit$/, route: getKey },
    { method: "GET", path: /^\/v1\/deployments\/([^/?]+)\/audit\/([a-z]+)(?:\?after=([0-9]{1,15}))?$/, route: getPage },
    { method: "POST", path: /^\/v1\/deployments\/([^/?]+)\/audit\/seal$/, route: postAuditSeal },
    { method: "POST", path: /^\/v1\/deployments\/([^/?]+)\/freeze$/, route: postFreeze },
    { method: "POST", path: /^\/v1\/deployments\/([^/?]+)\/thaw$/, route: postThaw },
    {
      method: "POST",
      path: /^\/v1\/stop$/,
      route: postStop(onStop),
      isOperatorsAlone: true,
    },
    { method: "POST", path: /^\/v1\/admin\/noted$/, route: postNote },
    { method: "GET", path: /^\/v1\/admin\/tokens$/, route: anyTokens, isOperatorsAlone: true },
    { method: "POST", path: /^\/v1\/admin\/tokens$/, route: anyTokens, isOperatorsAlone: true },
    { method: "DELETE", path: /^\/v1\/admin\/tokens\/[0-9A-Za-z]{12}$/, route: anyTokens, isOperatorsAlone: true },
  ];
}

async function decideOutcome(host: Host, rows: readonly Row[], request: IncomingMessage): Promise<Outcome> {
  const matches = rows.filter((row) => row.path.test(request.url ?? ""));
  const row = matches.find((candidate) => candidate.method === request.method);
  if (matches.length === 0) return { problem: noSuchPath };
  if (row === undefined) {
    return {
      problem: makeProblem(405, "wrong_method", `this path takes ${matches.map((match) => match.method).join(", ")}`),
    };
  }
  const names = (row.path.exec(request.url ?? "") ?? []).slice(1);
  const [name] = names;
  if (name !== undefined && !namePattern.test(name)) {
    const detail = `${name} is no name for a deployment: 2 to 40 lower-case letters, digits and dashes`;
    return { problem: makeProblem(422, "wrong_name", detail, "name") };
  }
  return row.route(host, request, names);
}

function send(response: ServerResponse, outcome: Outcome): void {
  if (response.destroyed) return;
  const status = "problem" in outcome ? outcome.problem.status : outcome.status;
  const value = "problem" in outcome ? outcome.problem : outcome.value;
  const type = "problem" in outcome ? "application/problem+json" : "application/json";
  if (value === undefined) return void response.writeHead(status).end();
  response.writeHead(status, { "content-type": type, connection: "close" }).end(JSON.stringify(value));
}

/** Starts to serve both sockets; `onStop` is called when the operator asks for the end. */
export async function serveControl(host: Host, onStop: (drainMs?: number) => void): Promise<Server[]> {
  const rows = routes(onStop);
  const { control, admin } = host.places;
  const admins = rows.filter(({ isOperatorsAlone }) => isOperatorsAlone !== true);
  const operator = await serve(host, control, (request, response) => answerOne(host, rows, request, response));
  chmodSync(control, 0o600);
  const forAdmin = await serve(host, admin.host, async (request, response) => {
    const noted = noteActor(host, request);
    return typeof noted === "function"
      ? answerOne(host, admins, request, response, noted)
      : send(response, { problem: noted });
  });
  // Nobody but the supervisor makes anything in its folder, so this is the socket and nothing that was put in its place.
  if (host.ids.own) chownSync(admin.host, 0, host.ids.admin);
  chmodSync(admin.host, host.ids.own ? 0o660 : 0o600);
  return [operator, forAdmin];
}

async function answerOne(
  host: Host,
  rows: readonly Row[],
  request: IncomingMessage,
  response: ServerResponse,
  onDone: () => void = () => undefined,
): Promise<void> {
  if (await passToGate(host, request, response)) return;
  const outcome = await decideOutcome(host, rows, request);
  onDone();
  send(response, outcome);
}

type Answerer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function serve(host: Host, path: string, answerRequest: Answerer): Promise<Server> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await answerRequest(request, response);
    } catch (error) {
      host.log.event("control_failed", {
        path: request.url ?? "",
        why: error instanceof Error ? (error.stack ?? "") : String(error),
      });
      send(response, { problem: makeProblem(500, "broken", "this is a bug in Ambit: its log says where") });
    }
  };
  const server = createServer(
    { requestTimeout: receiveMs, headersTimeout: 10_000, keepAliveTimeout: 1000 },
    (request, response) => {
      void answer(request, response);
    },
  );
  server.maxConnections = 64;
  server.listen(path);
  await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
  return server;
}
