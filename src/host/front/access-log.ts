// Controls `recon`, `audit`: one record per request or refused connection. An attacker chooses the method, the path, the headers
// and the timing, and reads neither this nor anybody else's: a record names where and what came of it, never a query, a body or
// a header that could hold a secret. Everything that came from outside is cut, and leaves as JSON or escaped, so that no line
// can forge another.
import type { IncomingMessage } from "node:http";

export interface AccessRecord {
  readonly event: "request";
  /** Start, RFC 3339. */
  readonly ts: string;
  /** Address of the socket, or what a trusted proxy says of it. */
  readonly client: string;
  /** Deployment the request was passed to, null when it was passed to none. */
  readonly deployment: string | null;
  /** For whom it was, as the deployment's gate says, percent-encoded; null when it says nothing. */
  readonly user: string | null;
  readonly method: string | null;
  /** Path without query, as the client wrote it. */
  readonly route: string | null;
  /** 499 when the client left before an answer began. */
  readonly status: number;
  /** Body bytes of the answer that were handed to the client's connection. */
  readonly bytes: number;
  readonly ms: number;
  readonly request: string;
  /** Why the front refused; `client_left`, `client_stalled` and `answer_cut` when an answer did not end; null when it was passed on. */
  readonly reason: string | null;
  /** System error code behind a `gate_` reason. */
  readonly cause: string | null;
}

/** What the combined format has beyond a record. */
export interface ClientWords {
  readonly version: string;
  /** Without its query. */
  readonly referer: string;
  readonly agent: string;
}

export const noWords: ClientWords = { version: "1.1", referer: "", agent: "" };

const mostChars = 256;

/** Path of a request target without its query, short enough for a log. */
export function loggedRoute(target: string): string {
  return target.split(/[?#]/, 1)[0]?.slice(0, mostChars) ?? "";
}

export function clientWords({ httpVersion, headers }: IncomingMessage): ClientWords {
  const { referer = "", "user-agent": agent = "" } = headers;
  return { version: httpVersion, referer: loggedRoute(referer), agent: agent.slice(0, mostChars) };
}

/**
 * A line of Apache's combined format, and after it deployment, request id, milliseconds and outcome:
 * `CLIENT - USER [TIME] "METHOD PATH VERSION" STATUS BYTES "REFERER" "AGENT" DEPLOYMENT REQUEST MS OUTCOME`.
 * What is not known is `-`. The path has no query.
 */
export function combinedLine(record: AccessRecord, words: ClientWords): string {
  const { client, user, ts, method, route, status, bytes, deployment, request, ms, reason } = record;
  const asked = method === null ? "-" : `${method} ${route ?? ""} HTTP/${words.version}`;
  return [
    ...[bare(client), "-", bare(user), `[${apacheTime(ts)}]`, quoted(asked), status, bytes === 0 ? "-" : bytes],
    ...[quoted(words.referer || "-"), quoted(words.agent || "-")],
    ...[bare(deployment), request, Math.round(ms), reason ?? "passed"],
  ].join(" ");
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `10/Oct/2000:13:55:36 +0000` of an RFC 3339 time in UTC. */
function apacheTime(ts: string): string {
  return `${ts.slice(8, 10)}/${months[Number(ts.slice(5, 7)) - 1]}/${ts.slice(0, 4)}:${ts.slice(11, 19)} +0000`;
}

/** As Apache does it (`ap_escape_logitem`): nothing inside ends the quotes or the line. Values of headers are Latin-1. */
function quoted(text: string): string {
  const inside = text.replace(/[^\x20-\x7e]|["\\]/g, (char) =>
    char === '"' || char === "\\" ? `\\${char}` : `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`,
  );
  return `"${inside}"`;
}

/** A word that stands without quotes. */
function bare(text: string | null): string {
  return text !== null && /^[\x21-\x7e]+$/.test(text) && !/["\\]/.test(text) ? text : "-";
}
