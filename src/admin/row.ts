// Controls `admin-access`, `schemas`: one row of the route table. Everything that must hold for every route (role, size, content
// type, unknown keys, Idempotency-Key, the OpenAPI document, the table test) is derived from rows, so that no route can forget
// it. An attacker wants the one handler that parses by itself; a handler here gets values that were parsed, and nothing raw.
import { parseSafely } from "../controls/wire/parse.ts";
import { z } from "zod";
import type { Actor, Role } from "../controls/wire/admin.ts";
import type { Context } from "./context.ts";
import type { Refused } from "./problem.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";
type Shape = Record<string, z.ZodType>;
type Parsed<S extends Shape> = z.infer<z.ZodObject<S>>;

/** What a handler is asked. */
export interface Asked<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Who signed in; the empty person on routes that are for anyone. */
  readonly actor: Actor;
  /** `If-Match` as it was sent, or null. */
  readonly ifMatch: string | null;
  /** `Last-Event-ID` as it was sent, or null. */
  readonly lastEventId: string | null;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
}

/** What a handler answers: JSON, a refusal, or a response of its own (a stream, a page). */
export interface Done<A> {
  readonly value: A;
  readonly status?: number;
  /** Strong entity tag, without quotes. */
  readonly etag?: string;
  /** Value of `after` for the next page. */
  readonly next?: string | number | undefined;
}
export type Handled<A> = Done<A> | Refused | Response;

export interface RouteSpec<
  P extends Shape,
  Q extends Shape,
  B extends z.ZodType,
  A extends z.ZodType,
  C extends z.ZodType,
> {
  /** `operationId`, such as `freezeDeployment`. */
  readonly id: string;
  readonly method: Method;
  /** Such as `/v1/deployments/{name}`. */
  readonly path: string;
  /** Least role; `anyone` needs no token. */
  readonly role: Role | "anyone";
  readonly summary: string;
  /** Entry of the admin chain that an act leaves; null for reading. */
  readonly event: string | null;
  readonly params: P;
  readonly query: Q;
  /** Body of the request; null when there is none. */
  readonly body: B | null;
  /** Longest body, bytes. */
  readonly maxBytes?: number;
  readonly answer: A;
  /** What is answered with 202 where something else must happen first. */
  readonly accepted?: C;
  /** Status of success; 200 unless said. */
  readonly status?: number;
  /** Content type of the answer; JSON unless said. */
  readonly type?: string;
  /** The act takes `If-Match` with the entity tag of what it changes. */
  readonly ifMatch?: true;
  handle(
    context: Context,
    asked: Asked<Parsed<P>, Parsed<Q>, z.infer<B>>,
  ): Promise<Handled<z.input<A> | z.input<C>>> | Handled<z.input<A> | z.input<C>>;
}

/** What came in, not parsed yet. */
export interface Raw {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

type Run = (
  context: Context,
  asked: Pick<Asked<never, never, never>, "actor" | "ifMatch" | "lastEventId" | "signal">,
) => Promise<Handled<unknown>>;

/** A row of the table: what is known of the route, and `prepare`, which parses or says what is wrong. */
export interface Row {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  readonly role: Role | "anyone";
  readonly summary: string;
  readonly event: string | null;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodType | null;
  readonly maxBytes: number;
  readonly answer: z.ZodType;
  readonly accepted: z.ZodType | null;
  readonly status: number;
  readonly type: string;
  readonly ifMatch: boolean;
  /** Keys of the query that are whole numbers. */
  readonly numbers: ReadonlySet<string>;
  prepare(raw: Raw): Refused | Run;
}

const usualBytes = 16_384;

/** Makes a row. */
export function route<
  P extends Shape,
  Q extends Shape,
  B extends z.ZodType,
  A extends z.ZodType,
  C extends z.ZodType = z.ZodNever,
>(spec: RouteSpec<P, Q, B, A, C>): Row {
  const [params, query] = [z.strictObject(spec.params), z.strictObject(spec.query)];
  const {
    body,
    maxBytes = usualBytes,
    status = 200,
    type = "application/json",
    ifMatch = false,
    accepted = null,
  } = spec;
  const prepare = (raw: Raw): Refused | Run => {
    const path = params.safeParse(raw.params);
    if (!path.success) return misunderstood(path.error, "");
    const asked = query.safeParse(raw.query);
    if (!asked.success) return misunderstood(asked.error, "");
    const parsed = parseSafely(body ?? z.undefined(), raw.body);
    if (!parsed.success) return misunderstood(parsed.error, "(body)");
    const values = { params: path.data, query: asked.data, body: parsed.data as z.infer<B> };
    return async (context, more) => spec.handle(context, { ...values, ...more });
  };
  return { ...spec, params, query, maxBytes, accepted, status, type, ifMatch, numbers: numbersOf(query), prepare };
}

function numbersOf(query: z.ZodObject): Set<string> {
  const { properties = {} } = z.toJSONSchema(query, { io: "input" });
  const isNumber = (schema: unknown): boolean => (schema as { type?: string }).type === "integer";
  return new Set(Object.keys(properties).filter((key) => isNumber(properties[key])));
}

/** The first thing that a schema found wrong. */
function misunderstood(error: z.ZodError, whole: string): Refused {
  const [issue] = error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].map(String).join(".");
  const detail = unknown === undefined ? (issue?.message ?? "not understood") : `unknown key "${unknown}"`;
  const field = path === "" ? whole : path;
  return { status: 422, code: "not_understood", detail: `${field}: ${detail}`, field };
}
