// Controls `recon`, `audit`: one record per request or refused connection. An attacker chooses the method, the path and
// the timing, and reads neither this nor anybody else's: a record names where and what came of it, never a query, a
// header or a body. Everything that came from outside is cut and leaves as JSON, so that no line can forge another.

export interface AccessRecord {
  readonly event: "request";
  /** Start, RFC 3339. */
  readonly ts: string;
  /** Address of the socket, or what a trusted proxy says of it. */
  readonly client: string;
  /** Deployment the request was passed to, null when it was passed to none. */
  readonly deployment: string | null;
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

/** Path of a request target without its query, short enough for a log. */
export function loggedRoute(target: string): string {
  return target.split(/[?#]/, 1)[0]?.slice(0, 256) ?? "";
}
