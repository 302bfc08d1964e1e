// Control `callbacks`, `runtime`: one request on one connection and the reading of its answer. A hostile upstream wants to
// be waited for without end, or to fill the memory. Must stay true: every wait has a limit, every answer is read no
// further than its reader asks, nothing is followed, nothing is decompressed and nothing is sent twice.
import { request as send, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import type { Lease } from "./pool.ts";

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Milliseconds: until the answer begins, between two pieces of it, and for everything. */
export interface Limits {
  readonly headersMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** For hosts and models; servers wait as long as the slowest of their tools may take. */
export const usualLimits: Limits = { headersMs: 120_000, idleMs: 60_000, totalMs: 600_000 };

/** When not `ok`, bytes may have been sent and no answer came. */
export type Reply =
  | { readonly ok: true; readonly response: IncomingMessage; readonly abort: () => void }
  | { readonly ok: false; readonly reason: string };

/** Sends one request. Never throws; an answer that began and breaks throws in `piecesOf`. */
export function exchange(lease: Lease, outgoing: Outgoing, limits: Limits, signal?: AbortSignal): Promise<Reply> {
  return new Promise((resolve) => {
    const { method, path, headers } = outgoing;
    const request = send({ agent: lease.agent, method, path, headers, setHost: false, maxHeaderSize: 16_384 });
    let answer: IncomingMessage | null = null;
    // The answer's own reader must see why it ends, and a destroyed request alone would say that the peer hung up.
    const stop = (reason: string): void => void (answer ?? request).destroy(new Error(reason));
    const onAbort = (): void => stop("caller_gone");
    const total = setTimeout(stop, limits.totalMs, "total_timeout");
    const begin = setTimeout(stop, limits.headersMs, "headers_timeout");
    signal?.addEventListener("abort", onAbort);
    request.on("response", (response) => {
      clearTimeout(begin);
      if (!isStatus(response.statusCode)) return stop("answer_not_http");
      answer = response;
      lease.heed(String(response.headers["keep-alive"] ?? ""));
      resolve({ ok: true, response, abort: () => request.destroy() });
    });
    request.on("error", (error) => resolve({ ok: false, reason: reasonOf(error) }));
    request.on("close", () => {
      clearTimeout(begin);
      clearTimeout(total);
      signal?.removeEventListener("abort", onAbort);
      resolve({ ok: false, reason: "connection_lost" });
    });
    request.end(outgoing.body);
  });
}

/**
 * The pieces of an answer as they come. Leaving the loop early leaves the rest unread: drain or abort then.
 * @throws when the answer breaks off or nothing comes for `idleMs`
 */
export async function* piecesOf(response: IncomingMessage, idleMs: number): AsyncGenerator<Buffer> {
  const idle = setTimeout(() => response.destroy(new Error("idle_timeout")), idleMs);
  try {
    for await (const piece of response.iterator({ destroyOnReturn: false })) {
      idle.refresh();
      yield piece as Buffer;
    }
  } finally {
    clearTimeout(idle);
  }
}

function isStatus(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status <= 599;
}

/** A short stable word for why an exchange failed. */
export function reasonOf(error: unknown): string {
  const { code = "", message = "" } = error as NodeJS.ErrnoException;
  if (/^(?:[a-z]+_timeout|caller_gone|answer_not_http)$/.test(message)) return message;
  if (code === "HPE_HEADER_OVERFLOW") return "answer_headers_too_large";
  return code.startsWith("HPE_") ? "answer_not_http" : "connection_lost";
}
