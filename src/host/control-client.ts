// Control `admin-access`: the command line's way to the supervisor: one request over a socket that only its owner can
// open. The answer is bounded, and not being able to ask is said in words that tell what to do.
import { request } from "node:http";

export interface ControlRequest {
  /** Path of `control.sock`. */
  readonly socket: string;
  /** State folder, for the words of an error. */
  readonly state: string;
  readonly method: string;
  readonly path: string;
  /** A JSON value; bytes are sent as they are (a secret's value). */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest time until the whole answer is here, ms. */
  readonly timeoutMs?: number;
}

export interface ControlAnswer {
  readonly status: number;
  /** Parsed JSON; null when there was no body. */
  readonly body: unknown;
}

/** Thrown when the supervisor cannot be asked; the message is for the operator. */
export class ControlUnreachable extends Error {
  override readonly name = "ControlUnreachable";
}

const maxAnswerBytes = 8_388_608;
/** Longer than a deploy may take. */
const usualMs = 120_000;

function describe(error: NodeJS.ErrnoException, { socket, state }: ControlRequest): string {
  if (error.code === "ENOENT" || error.code === "ECONNREFUSED")
    return `no Ambit runs on ${state}: start it with ./ambit up`;
  if (error.code === "EACCES") return `${socket} belongs to another user: run this as the user who started Ambit`;
  if (error.name === "AbortError" || error.name === "TimeoutError")
    return `Ambit on ${state} did not answer in time: see its log`;
  return `Ambit on ${state} gave no whole answer (${error.message}): see its log`;
}

function parseBody(text: string): unknown {
  return text === "" ? null : JSON.parse(text);
}

/** Sends one request; resolves with whatever status came. Rejects with `ControlUnreachable`. */
export function controlRequest(what: ControlRequest): Promise<ControlAnswer> {
  const { socket: socketPath, method, path, body, timeoutMs = usualMs } = what;
  const bytes = body instanceof Uint8Array;
  const payload = body === undefined ? "" : bytes ? body : JSON.stringify(body);
  const headers = {
    ...what.headers,
    "content-type": bytes ? "application/octet-stream" : "application/json",
    "content-length": Buffer.byteLength(payload),
  };
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(new ControlUnreachable(describe(error, what)));
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = request({ socketPath, method, path, headers, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxAnswerBytes) response.destroy(new Error(`answer over ${maxAnswerBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () => {
        try {
          resolve({ status: response.statusCode ?? 0, body: parseBody(Buffer.concat(chunks).toString("utf8")) });
        } catch (error) {
          fail(error as Error);
        }
      });
    });
    sent.on("error", fail);
    sent.end(payload);
  });
}
