// Control `schemas`: every answer the front gives on its own, as one table. An attacker reads refusals to learn what
// exists here, so a missing deployment and a missing path share a row, and no row says anything about a gate.
// Details are for strangers; what the operator needs beyond them stands in the access log.
import type { ControlId, Refusal } from "../../boundary.ts";
import type { Problem } from "../../controls/wire/gate.ts";

interface Row {
  readonly status: number;
  readonly control: ControlId;
  readonly title: string;
  readonly detail: string;
}

const rows = {
  not_found: row(404, "schemas", "Not found", "Nothing is served at this path."),
  bad_target: row(
    400,
    "schemas",
    "Bad path",
    "The path must be plain: no encoding, no empty or dot segments, no host in it.",
  ),
  target_too_long: row(414, "schemas", "Path too long", "Path and query together may have 2048 bytes."),
  method_not_allowed: row(405, "schemas", "Method not allowed", "Only GET, HEAD and POST are served."),
  bad_request: row(400, "schemas", "Bad request", "The request is not well-formed HTTP/1.1."),
  bad_headers: row(
    400,
    "schemas",
    "Bad headers",
    "A header is missing, stands twice, or has a character that may not stand there.",
  ),
  bad_framing: row(
    400,
    "schemas",
    "Bad framing",
    "The body needs one Content-Length, or Transfer-Encoding: chunked, and not both.",
  ),
  body_not_expected: row(400, "schemas", "Body not expected", "GET and HEAD are served without a body."),
  expectation_failed: row(417, "schemas", "Expectation failed", "Only Expect: 100-continue is understood."),
  upgrade_refused: row(400, "schemas", "Upgrade refused", "Connections cannot be upgraded to another protocol here."),
  pipelining_refused: row(
    400,
    "schemas",
    "Pipelining refused",
    "Wait for the answer before the next request on a connection.",
  ),
  headers_too_large: row(
    431,
    "rate-limits",
    "Headers too large",
    "All headers together may have 16 KiB, and there may be 100.",
  ),
  body_too_large: row(413, "rate-limits", "Body too large", "A request body may have 1 MiB."),
  request_too_slow: row(
    408,
    "rate-limits",
    "Request too slow",
    "Headers must arrive within 10 s and the whole request within 30 s.",
  ),
  too_many_connections: row(
    429,
    "rate-limits",
    "Too many connections",
    "One address may hold 1000 connections; close some.",
  ),
  server_full: row(503, "rate-limits", "Server full", "All connections are taken; try again later."),
  deployment_busy: row(
    503,
    "rate-limits",
    "Deployment busy",
    "The deployment has 200 requests, or 50 webhooks, under way and received nothing of this one; ask again in a moment.",
  ),
  frozen: row(
    503,
    "workflow",
    "Frozen",
    "The operator has frozen this deployment: nothing is passed on to it or from it until it is thawed.",
  ),
  gate_not_ready: row(
    503,
    "runtime",
    "Starting again",
    "The deployment is starting again and received nothing; ask again.",
  ),
  gate_broken: row(
    502,
    "runtime",
    "Connection broken",
    "The deployment may or may not have received this; ask again with the same Idempotency-Key.",
  ),
  gate_silent: row(
    504,
    "runtime",
    "No answer",
    "The deployment did not answer in time; ask again with the same Idempotency-Key.",
  ),
} as const satisfies Record<string, Row>;

/** Stable word of a refusal; ends the `type` of its problem document and stands in the access log. */
export type FrontReason = keyof typeof rows;

export interface FrontRefusal extends Refusal {
  readonly reason: FrontReason;
  readonly status: number;
  readonly problem: Problem;
  /** Header names and values that go with the status. */
  readonly headers: readonly string[];
}

/** The refusal of that name, with its RFC 9457 document and headers. */
export function refuse(reason: FrontReason): FrontRefusal {
  const { status, control, title, detail } = rows[reason];
  const problem = { type: `urn:ambit:problem:${reason}`, title, status, detail };
  return { control, reason, message: detail, status, problem, headers: headersOf(reason) };
}

function headersOf(reason: FrontReason): readonly string[] {
  if (reason === "method_not_allowed") return ["allow", "GET, HEAD, POST"];
  if (reason === "gate_not_ready" || reason === "deployment_busy") return ["retry-after", "1"];
  if (reason === "server_full" || reason === "too_many_connections") return ["retry-after", "5"];
  return [];
}

function row(status: number, control: ControlId, title: string, detail: string): Row {
  return { status, control, title, detail };
}
