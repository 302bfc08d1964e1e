// Control `schemas`, `gateway-tokens`: which headers cross the front. An attacker wants the gate to believe an address or
// an identity that the front did not see, or wants two readers to find different ends of one request (RFC 9112,
// section 11.2). So framing is read strictly and written anew, headers that may stand once stand once, and everything
// that only a proxy may say is taken away before the front says it.
import { parseHost } from "../../controls/access/host-name.ts";
import { ownHeaderPrefix } from "../../controls/wire/door.ts";
import { threadHeader, threadIdPattern } from "../../controls/wire/gate.ts";
import { type FrontRefusal, refuse } from "./refusal.ts";
import type { FrontLimits } from "./limits.ts";

/** How the body of a request is delimited; `none` is a request without one. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" };

/** RFC 9110, section 7.6.1, and names that older software treats the same way. */
const hopByHop = new Set(
  (
    "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer trailers " +
    "transfer-encoding upgrade http2-settings"
  ).split(" "),
);
/** Written by the front itself, or answered by it. */
const rewritten = new Set(["host", "content-length", "expect"]);
/** What proxies and edges say of a client or of the path; nobody in front of the front is believed. */
const hearsay = new Set(
  (
    "forwarded via x-real-ip x-client-ip client-ip x-cluster-client-ip true-client-ip fastly-client-ip " +
    "x-originating-ip x-remote-ip x-remote-addr x-original-url x-original-host x-rewrite-url x-host " +
    "x-http-method x-http-method-override x-method-override"
  ).split(" "),
);
const hearsayPrefixes = [ownHeaderPrefix, "x-forwarded-", "cf-"];
const once =
  `host authorization content-type content-length content-encoding transfer-encoding idempotency-key expect origin ${threadHeader}`.split(
    " ",
  );
const plainValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Checks the headers as they stood on the wire (name, value, name, value, ...) and says how the body is delimited.
 * `version` is `1.0` or `1.1`.
 */
export function parseFraming(
  method: string,
  version: string,
  raw: readonly string[],
  limits: Pick<FrontLimits, "headerCount" | "bodyBytes">,
): Framing | FrontRefusal {
  if (raw.length / 2 > limits.headerCount) return refuse("headers_too_large");
  const fields = pairs(raw);
  if (fields.some(([, value]) => !plainValue.test(value))) return refuse("bad_headers");
  const singles = new Map(
    once.map((name) => [name, fields.filter((field) => field[0] === name).map((field) => field[1])]),
  );
  if (["content-length", "transfer-encoding"].some((name) => (singles.get(name)?.length ?? 0) > 1))
    return refuse("bad_framing");
  if ([...singles.values()].some((values) => values.length > 1)) return refuse("bad_headers");
  const host = singles.get("host")?.[0];
  if (host === undefined ? version !== "1.0" : parseHost(host) === null) return refuse("bad_headers");
  const thread = singles.get(threadHeader)?.[0];
  if (thread !== undefined && !threadIdPattern.test(thread)) return refuse("bad_headers");
  return framingOf(
    method,
    version,
    singles.get("content-length")?.[0],
    singles.get("transfer-encoding")?.[0],
    limits.bodyBytes,
  );
}

function framingOf(
  method: string,
  version: string,
  length: string | undefined,
  coding: string | undefined,
  most: number,
): Framing | FrontRefusal {
  const takesBody = method === "POST";
  if (coding !== undefined) {
    if (length !== undefined || coding.toLowerCase() !== "chunked" || version === "1.0") return refuse("bad_framing");
    return takesBody ? { kind: "chunked" } : refuse("body_not_expected");
  }
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return refuse("bad_framing");
  const bytes = Number(length ?? "0");
  if (bytes > most) return refuse("body_too_large");
  if (bytes > 0 && !takesBody) return refuse("body_not_expected");
  return takesBody ? { kind: "length", bytes } : { kind: "none" };
}

/** True when bytes follow the headers. */
export function carriesBody(framing: Framing): boolean {
  return framing.kind === "chunked" || (framing.kind === "length" && framing.bytes > 0);
}

/** What the front says to a gate about the request it passes on. */
export interface Passed {
  readonly deployment: string;
  readonly client: string;
  readonly requestId: string;
}

/** Headers for the gate: the client's own words, then framing written anew, then what the front vouches for. */
export function forwardHeaders(raw: readonly string[], framing: Framing, passed: Passed): string[] {
  const kept = pairs(raw)
    .filter(keeper(raw))
    .filter(([name]) => !isHearsay(name) && !rewritten.has(name));
  const headers = ["host", passed.deployment, ...kept.flat()];
  if (framing.kind === "length") headers.push("content-length", String(framing.bytes));
  // The gate is sent a body when it asks for it, see `passOn`; without one it must not be asked to ask.
  if (framing.kind === "chunked" || (framing.kind === "length" && framing.bytes > 0))
    headers.push("expect", "100-continue");
  if (framing.kind === "chunked") headers.push("transfer-encoding", "chunked");
  headers.push(`${ownHeaderPrefix}request-id`, passed.requestId, `${ownHeaderPrefix}client`, passed.client);
  return headers;
}

/** Words that a browser takes for the whole origin, which all deployments share: none may speak for the others. */
const forOrigin = new Set(
  (
    "set-cookie set-cookie2 clear-site-data strict-transport-security public-key-pins alt-svc service-worker-allowed " +
    "origin-agent-cluster nel report-to reporting-endpoints"
  ).split(" "),
);

/** Headers for the client out of a gate's answer; Ambit's own are for the inside only, but for the request id and the thread. */
export function answerHeaders(raw: readonly string[], requestId: string): string[] {
  const kept = pairs(raw)
    .filter(keeper(raw))
    .filter(([name, value]) => (isThread(name, value) || !name.startsWith(ownHeaderPrefix)) && !forOrigin.has(name));
  return [...kept.flat(), `${ownHeaderPrefix}request-id`, requestId];
}

/** Drops hop-by-hop headers, those that `Connection` names included. */
function keeper(raw: readonly string[]): (field: readonly [string, string]) => boolean {
  const named = pairs(raw)
    .filter(([name]) => name === "connection")
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((name) => name.trim());
  // Framing is ours to say: `Connection: content-length` must not leave an answer without its length.
  const dropped = new Set(named.filter((name) => name !== "content-length"));
  return ([name]) => !hopByHop.has(name) && !dropped.has(name);
}

/** One that is no thread id is the word of a gate gone wrong, and is not passed on. */
function isThread(name: string, value: string): boolean {
  return name === threadHeader && threadIdPattern.test(value);
}

function isHearsay(name: string): boolean {
  return name !== threadHeader && (hearsay.has(name) || hearsayPrefixes.some((prefix) => name.startsWith(prefix)));
}

/** Lower-case name and value of each header, in order. */
function pairs(raw: readonly string[]): [string, string][] {
  const fields: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) fields.push([(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""]);
  return fields;
}
