// Controls `admin-access`, `rate-limits`: live streams (Server-Sent Events) to people. An attacker wants to hold all places, to
// have this process keep what a slow reader does not take, or to go on reading with a token that was ended. So places are
// few, by token and in all; a stream asks for its next piece only when the last one was taken, so nothing piles up; and the
// token is looked at before each piece. Who takes nothing is cut (stalled.ts).
import type { Refused } from "./problem.ts";
import type { TokenStore } from "./token-store.ts";

export const maxStreams = 64;
export const maxStreamsOfToken = 8;
/** A stream that is silent says so, so that both sides know that the other is there. */
const heartbeatMs = 15_000;

/** Gives the next piece, or "" when `wait` said that it is time for a heartbeat. */
export type NextPiece = (wait: Wait) => Promise<string>;
/** Waits until `wake` is called or a heartbeat is due. */
export interface Wait {
  /** True when woken, false for a heartbeat. */
  until(subscribe: (wake: () => void) => () => void): Promise<boolean>;
}

export interface Asking {
  /** Public part of the token. */
  readonly token: string;
  readonly signal: AbortSignal;
}

/** One event of a stream. `data` has no line ends when it is JSON. */
export function sse(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export class Streams {
  readonly #tokens: TokenStore;
  readonly #heartbeatMs: number;
  /** What ends each stream, with its token. */
  readonly #open = new Map<() => void, string>();

  constructor(tokens: TokenStore, everyMs = heartbeatMs) {
    this.#tokens = tokens;
    this.#heartbeatMs = everyMs;
  }

  /** Opens a stream of what `next` gives; `onEnd` is called once when it is over. */
  open({ token, signal }: Asking, next: NextPiece, onEnd: () => void = () => undefined): Response | Refused {
    const own = [...this.#open.values()].filter((one) => one === token).length;
    if (own >= maxStreamsOfToken || this.#open.size >= maxStreams) return tooMany(own);
    const over = new AbortController();
    const end = (): void => over.abort();
    this.#open.set(end, token);
    signal.addEventListener("abort", end, { once: true });
    over.signal.addEventListener("abort", () => {
      signal.removeEventListener("abort", end);
      this.#open.delete(end);
      onEnd();
    });
    if (signal.aborted) end();
    const encoder = new TextEncoder();
    const wait = waitOf(over.signal, this.#heartbeatMs);
    const isOver = (): boolean => over.signal.aborted || !this.#tokens.isLive(token, Date.now());
    const body = new ReadableStream<Uint8Array>(
      {
        start: (to) => to.enqueue(encoder.encode(": open\n\n")),
        pull: async (to) => {
          const piece = isOver() ? undefined : await next(wait).catch(() => undefined);
          if (piece !== undefined && !isOver()) return to.enqueue(encoder.encode(piece === "" ? ": here\n\n" : piece));
          end();
          to.close();
        },
        cancel: end,
      },
      { highWaterMark: 1 },
    );
    const headers = { "content-type": "text/event-stream; charset=utf-8", connection: "close" };
    return new Response(body, { headers });
  }

  /** Ends all of them. */
  close(): void {
    for (const end of this.#open.keys()) end();
  }
}

function waitOf(over: AbortSignal, everyMs: number): Wait {
  return {
    until: (subscribe) =>
      new Promise((resolve) => {
        const done = (isWoken: boolean): void => {
          clearTimeout(timer);
          unsubscribe();
          over.removeEventListener("abort", stop);
          resolve(isWoken);
        };
        const stop = (): void => done(false);
        const timer = setTimeout(stop, everyMs);
        // It may wake right here, before there is anything to take back.
        const unsubscribe = subscribe(() => queueMicrotask(() => done(true)));
        over.addEventListener("abort", stop, { once: true });
        if (over.aborted) stop();
      }),
  };
}

function tooMany(own: number): Refused {
  const whose =
    own >= maxStreamsOfToken ? `this token reads ${maxStreamsOfToken} streams` : `${maxStreams} streams are open`;
  const detail = `${whose} already: end one, then open another`;
  return { status: 429, code: "too_many_streams", detail, headers: { "retry-after": "5" } };
}
