// Room 1: the key under which a message is the same message however often it is sent. Whoever chooses it would
// like one that a log, a header or a table reads differently: visible ASCII only, bounded, and anything else is refused and
// not cut to fit, because a message under a wrong key is a second message.
import { problemResponse } from "../problem.ts";

const keyPattern = /^[\x21-\x7e]{1,128}$/;

/** The request's Idempotency-Key; null when it has none. */
export function readIdempotency(request: Request): string | null | Response {
  const key = request.headers.get("idempotency-key");
  if (key === null || keyPattern.test(key)) return key;
  return problemResponse(400, "bad_request", "1 to 128 visible ASCII characters", "Idempotency-Key");
}
