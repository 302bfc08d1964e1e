// The id of a request, in its answer, in the log and on the admin chain. A caller may choose it, within bounds: it is for
// finding things, and nothing is decided by it.
import { randomBytes } from "node:crypto";

const form = /^req_[0-9A-Za-z_-]{1,64}$/;

/** What the caller said in `X-Request-Id` when it has the form of one, else a new one. */
export function requestId(header: string | null): string {
  return header !== null && form.test(header) ? header : `req_${randomBytes(12).toString("base64url")}`;
}
