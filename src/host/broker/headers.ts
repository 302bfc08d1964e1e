// Control `secrets`, `callbacks`: which headers cross the border, in both directions. A gate wants to send its own
// credential or cookie beside ours, or to smuggle a second request; an upstream wants to speak in the broker's name. Must
// stay true: hop-by-hop headers (RFC 9110 section 7.6.1) and everything of Ambit's own end here, whatever their case.
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { ownHeaderPrefix } from "../../controls/wire/door.ts";

const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Set anew for every outgoing request, or of no use beyond the door. */
const replaced = new Set(["host", "content-length", "expect", "accept-encoding", "cookie"]);
const credentials = new Set(["authorization", "x-api-key"]);

/**
 * Headers of an outgoing request.
 * @param hasCredential true when the broker adds one: then the caller's own are dropped
 */
export function outgoingHeaders(
  from: IncomingHttpHeaders,
  host: string,
  body: Buffer,
  method: string,
  hasCredential: boolean,
): OutgoingHttpHeaders {
  const kept = keep(
    from,
    (name) => !replaced.has(name) && !name.startsWith("proxy-") && !(hasCredential && credentials.has(name)),
  );
  const headers: OutgoingHttpHeaders = { host, ...kept, "accept-encoding": "identity" };
  if (body.length > 0 || !["GET", "HEAD", "DELETE"].includes(method)) headers["content-length"] = String(body.length);
  return headers;
}

/** True when the body is not what its bytes say: compressed, though nobody was asked to. */
export function isEncoded(from: IncomingHttpHeaders): boolean {
  const { "content-encoding": content = "identity", "transfer-encoding": transfer = "chunked" } = from;
  return content.toLowerCase() !== "identity" || transfer.toLowerCase() !== "chunked";
}

/** Headers of an answer that may be passed on; its length is the sender's to set. */
export function answerHeaders(from: IncomingHttpHeaders): OutgoingHttpHeaders {
  return keep(
    from,
    (name) => !["content-length", "set-cookie", "alt-svc"].includes(name) && !name.startsWith("proxy-"),
  );
}

function keep(from: IncomingHttpHeaders, isKept: (name: string) => boolean): OutgoingHttpHeaders {
  const named = new Set(
    (from.connection ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  const entries = Object.entries(from).filter(
    ([name, value]) =>
      value !== undefined &&
      !hopByHop.has(name) &&
      !named.has(name) &&
      !name.startsWith(ownHeaderPrefix) &&
      isKept(name),
  );
  return Object.fromEntries(entries);
}
