// What every server of the examples does on the loopback address: listen there and nowhere else, compare a token, read a
// body up to a limit. Anything on this machine can try the port.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server } from "node:http";

/** Compares digests, so that neither length nor content of the token shows in the time taken. */
export function isBearer(header: string | undefined, token: string): boolean {
  const digest = (value: string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(header ?? ""), digest(`Bearer ${token}`));
}

/** The whole body, or undefined when it is over the limit, in bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer<ArrayBuffer> | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  // The request must survive an early return: its connection still has to carry the refusal.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Listens on 127.0.0.1; port 0 takes any free one. Rejects, with the way out, when it is taken. */
export function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      fail(cause.code === "EADDRINUSE" ? new Error(portTaken(port)) : cause);
    });
    server.listen(port, "127.0.0.1", done);
  });
}

function portTaken(port: number): string {
  return `port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another one with --port`;
}

/** A number of a command line. Throws with the flag and its limits. */
export function parseCount(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!/^[0-9]{1,6}$/.test(text) || value > max)
    throw new Error(`--${name} ${text}: use a whole number from 0 to ${max}`);
  return value;
}
