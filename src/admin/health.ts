// Controls `admin-access`, `runtime`: the supervisor's own way to admin: whether it is well, and tokens for people. A socket in a
// folder that only the supervisor and admin may enter; on the public port anybody may hold all connections. It listens last, so
// who is answered here knows that the port is open too.
import { parseSafely } from "../controls/wire/parse.ts";
import { existsSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { dirname, join } from "node:path";
import { tokenRequest } from "../controls/wire/admin.ts";
import { parseJson } from "./body.ts";
import { problemReply, type Reply } from "./problem.ts";
import { maxTokens, type TokenStore } from "./token-store.ts";

const maxBytes = 8192;

export function healthSocket(run: string): string {
  return join(run, "admin", "own", "health.sock");
}

/** Answers `GET /healthz`, and `/tokens` as wire/admin.ts says. Rejects with what to do when it cannot listen. */
export function serveHealth(path: string, tokens: TokenStore): Promise<void> {
  if (!existsSync(dirname(path))) {
    return Promise.reject(new Error(`${dirname(path)} is missing: the supervisor makes it for admin's user`));
  }
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    answerOf(tokens, request).then(
      ({ status, headers, body }) => response.writeHead(status, headers).end(body),
      () => response.destroy(),
    );
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`${path}: cannot listen (${error.message})`)));
    server.listen(path, resolve);
  });
}

async function answerOf(tokens: TokenStore, request: IncomingMessage): Promise<Reply> {
  const { method = "", url = "" } = request;
  const now = Date.now();
  if (url === "/healthz") return json(200, { status: "ok" });
  if (url === "/tokens" && method === "GET") return json(200, { tokens: tokens.list(now) });
  if (url === "/tokens" && method === "POST") return makeToken(tokens, await readAll(request), now);
  const [, id] = /^\/tokens\/([0-9A-Za-z]{12})$/.exec(url) ?? [];
  if (id === undefined || method !== "DELETE") return problemReply(notFound("nothing is served at this path"));
  return tokens.remove(id) ? { status: 204, headers: {}, body: "" } : problemReply(notFound(`there is no token ${id}`));
}

function makeToken(tokens: TokenStore, bytes: Uint8Array, now: number): Reply {
  const value = parseJson(bytes);
  if ("code" in value) return problemReply(value);
  const parsed = parseSafely(tokenRequest, value.value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = (issue?.path ?? []).join(".") || "(body)";
    return problemReply({ status: 422, code: "not_understood", detail: `${field}: ${issue?.message ?? ""}`, field });
  }
  const made = tokens.make(parsed.data.by, parsed.data.role, parsed.data.days, now);
  if (made) return json(201, made);
  const detail = `there are ${maxTokens} tokens: remove one with ./ambit admin token rm ID`;
  return problemReply({ status: 409, code: "too_many_tokens", detail });
}

async function readAll(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`the body is over ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function json(status: number, value: object): Reply {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function notFound(detail: string) {
  return { status: 404, code: "not_found", detail };
}
