// Controls `admin-access`, `schemas`, `rate-limits`: the walk of one request to admin, the same for every row of the table: is it
// for us, which row, who asks, may they, how often, then query, body and keys, and only then the handler. An attacker wants a
// step left out on one path: there is one function, and the order is written here and nowhere else.
import { Hono } from "hono";
import type { Actor } from "../controls/wire/admin.ts";
import { isJson, parseJson, readBytes } from "./body.ts";
import type { Context } from "./context.ts";
import { problemReply, type Refused, type Reply } from "./problem.ts";
import { TokenRates } from "./rate.ts";
import { readKey, requestHash } from "./idempotency.ts";
import { requestId } from "./request-id.ts";
import type { Done, Handled, Row } from "./row.ts";
import { decideRole, signIn } from "./sign-in.ts";
import { decideSite } from "./site.ts";

export interface AppOptions {
  readonly rows: readonly Row[];
  readonly context: Context;
  /** One line of the log. */
  readonly log: (line: object) => void;
  readonly now: () => number;
}

/** On every answer: nothing of it may be kept, framed, guessed at or run. */
const safe = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const nobody = { by: "nobody", token: "000000000000", role: "viewer" } as const;

/** The program that answers requests. */
export function makeApp({ rows, context, log, now }: AppOptions): Hono {
  const app = new Hono();
  const rates = new TokenRates();
  const paths = Map.groupBy(rows, ({ path }) => path);

  const answer = async (request: Request, id: string, path: string, params: Record<string, string>) => {
    const refused = decideSite(sitesOf(request.headers));
    if (refused) return refused;
    const here = paths.get(path) ?? [];
    const method = request.method === "HEAD" ? "GET" : request.method;
    const row = here.find((one) => one.method === method);
    if (!row) return wrongMethod(here);
    const at = now();
    if (row.role === "anyone") return run(context, row, request, params, { ...nobody, request: id }, at);
    const person = signIn(context.tokens, request.headers.get("authorization"), at);
    if ("code" in person) return person;
    const rate = rates.charge(person.token, at);
    if ("code" in rate) return rate;
    const done = decideRole(person, row.role) ?? run(context, row, request, params, { ...person, request: id }, at);
    return withHeaders(await done, rate.headers);
  };

  const serve = async (request: Request, path: string, params: Record<string, string>): Promise<Response> => {
    const id = requestId(request.headers.get("x-request-id"));
    let outcome: Refused | Reply | Response;
    try {
      outcome = await answer(request, id, path, params);
    } catch (error) {
      log({ event: "broken", request: id, why: error instanceof Error ? (error.stack ?? "") : String(error) });
      outcome = { status: 500, code: "broken", detail: `this is a bug in Ambit: its log says where (${id})` };
    }
    const whole = outcome instanceof Response ? outcome : send("code" in outcome ? problemReply(outcome) : outcome);
    const response = request.method === "HEAD" ? withoutBody(whole) : whole;
    for (const [name, value] of Object.entries(safe))
      if (!response.headers.has(name)) response.headers.set(name, value);
    response.headers.set("x-request-id", id);
    return response;
  };

  for (const path of paths.keys()) {
    app.all(path.replaceAll(/\{(\w+)\}/g, ":$1"), (c) =>
      serve(c.req.raw, path, c.req.param() as Record<string, string>),
    );
  }
  app.notFound((c) => serve(c.req.raw, "", {}));
  return app;
}

function sitesOf(headers: Headers) {
  return { host: headers.get("host"), origin: headers.get("origin"), fetchSite: headers.get("sec-fetch-site") };
}

function wrongMethod(here: readonly Row[]): Refused {
  if (here.length === 0) return { status: 404, code: "no_such_path", detail: "nothing is served here: see /docs" };
  const methods = here.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  const allow = methods.join(", ");
  return {
    status: 405,
    code: "wrong_method",
    detail: `this path takes ${allow}`,
    field: "(method)",
    headers: { allow },
  };
}

async function run(
  context: Context,
  row: Row,
  request: Request,
  params: Record<string, string>,
  actor: Actor,
  now: number,
): Promise<Refused | Reply | Response> {
  const query = readQuery(new URL(request.url).searchParams, row);
  if ("code" in query) return query;
  const body = await readBody(request, row);
  if ("code" in body) return body;
  const ready = row.prepare({ params, query: query.values, body: body.value });
  if (typeof ready !== "function") return ready;
  const { headers, signal } = request;
  const asked = { actor, ifMatch: headers.get("if-match"), lastEventId: headers.get("last-event-id"), signal };
  const act = async () => replyOf(row, request, await ready(context, asked));
  const key = row.method === "GET" ? null : readKey(request.headers.get("idempotency-key"));
  if (key === null) return act();
  if (typeof key !== "string") return key;
  // The token alone: the scheme before it may be written in several ways.
  const bearer = (request.headers.get("authorization") ?? "").slice("Bearer ".length);
  const keyed = { token: actor.token, bearer, key, request: requestHash(request, body.bytes) };
  return context.idempotency.once(keyed, now, async () => {
    const done = await act();
    if (done instanceof Response) throw new Error(`${row.id}: an answer that is a stream cannot be kept`);
    return "code" in done ? problemReply(done) : done;
  });
}

/** Query values; what a schema wants as a number is one when it is written as a whole number. */
function readQuery(given: URLSearchParams, row: Row): { readonly values: Record<string, unknown> } | Refused {
  const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, text] of given) {
    if (key in values) {
      return { status: 422, code: "not_understood", detail: `${key}: is given twice`, field: key };
    }
    values[key] = row.numbers.has(key) && /^(?:0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : text;
  }
  return { values: { ...values } };
}

async function readBody(
  request: Request,
  row: Row,
): Promise<{ readonly value: unknown; readonly bytes: Uint8Array } | Refused> {
  const bytes = await readBytes(request, row.body === null ? 0 : row.maxBytes);
  if (bytes === "cut") return { status: 400, code: "body_cut", detail: "(body): it ended too early", field: "(body)" };
  if (bytes === "large") {
    const most = row.body === null ? "takes no body" : `takes at most ${row.maxBytes} bytes`;
    return { status: 413, code: "body_too_large", detail: `(body): this route ${most}`, field: "(body)" };
  }
  if (row.body === null) return { value: undefined, bytes };
  if (!isJson(request.headers.get("content-type"))) {
    const detail = "Content-Type: send application/json";
    return { status: 415, code: "wrong_content_type", detail, field: "Content-Type" };
  }
  const parsed = parseJson(bytes);
  return "code" in parsed ? parsed : { ...parsed, bytes };
}

function isDone(handled: Handled<unknown>): handled is Done<unknown> {
  return !(handled instanceof Response) && !("code" in handled);
}

function replyOf(row: Row, request: Request, handled: Handled<unknown>): Refused | Reply | Response {
  if (!isDone(handled)) return handled;
  const { value, status = row.status, etag, next } = handled;
  const headers: Record<string, string> = { "content-type": row.type };
  if (etag !== undefined) headers["etag"] = `"${etag}"`;
  if (next !== undefined) headers["link"] = nextLink(request.url, String(next));
  const known = request.headers.get("if-none-match");
  if (row.method === "GET" && etag !== undefined && known === `"${etag}"`) return { status: 304, headers, body: "" };
  return { status, headers, body: value === undefined ? "" : JSON.stringify(value) };
}

/** The same request for the next page, as a reference without scheme and host. */
function nextLink(url: string, after: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.set("after", after);
  return `<${pathname}?${searchParams.toString()}>; rel="next"`;
}

function withHeaders(outcome: Refused | Reply | Response, more: Record<string, string>): Refused | Reply | Response {
  if (!(outcome instanceof Response)) return { ...outcome, headers: { ...more, ...outcome.headers } };
  for (const [name, value] of Object.entries(more)) outcome.headers.set(name, value);
  return outcome;
}

/** A stream would go on for nobody. */
function withoutBody(response: Response): Response {
  void response.body?.cancel();
  return new Response(null, response);
}

function send({ status, headers, body }: Reply): Response {
  return new Response([204, 304].includes(status) ? null : body, { status, headers });
}
