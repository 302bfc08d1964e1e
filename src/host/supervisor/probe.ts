// Control `runtime`: asks a part whether it is well, and nothing else. The answer of a part is hostile input: it is
// bounded in time and size, and only its status and the one expected member count.
import { request, type RequestOptions } from "node:http";

/** A unix socket: what stands on a port of this machine may be anybody. */
export interface Target {
  readonly socketPath: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Gives up early, for example because the part has ended. */
  readonly signal?: AbortSignal;
}

/** One request on a connection of its own. Rejects when no whole answer came in time or it is over `maxBytes`. */
export function ask(target: Target, what: Ask): Promise<Answer> {
  const { method, path, headers = {}, body, timeoutMs, maxBytes } = what;
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(timeoutMs);
    const signal = what.signal === undefined ? late : AbortSignal.any([late, what.signal]);
    const options: RequestOptions = {
      ...target,
      method,
      path,
      headers: { ...headers, connection: "close" },
      signal,
      agent: false,
    };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) response.destroy(new Error(`answer over ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    sent.on("error", (error) => reject(late.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error));
    sent.end(body);
  });
}

/** Rejects unless `GET /healthz` is answered with 200. Returns the body. */
export async function probeHealth(target: Target, timeoutMs: number, signal: AbortSignal): Promise<string> {
  const answer = await ask(target, { method: "GET", path: "/healthz", timeoutMs, maxBytes: 65_536, signal });
  if (answer.status !== 200) throw new Error(`/healthz answered ${answer.status}`);
  return answer.body;
}
