// Control `runtime`: the supervisor's own way to ask whether the front is well: a socket that nobody else can open. On the
// public port anybody may hold all connections, and a front that was killed for that would take everybody's requests with
// it. It listens last, so that who is answered here knows that the port is open too.
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";

/** Where the supervisor asks; the folder is made by the supervisor for the front alone. */
export function healthSocket(run: string): string {
  return join(run, "front", "health.sock");
}

/** Answers `GET /healthz` on that socket. Rejects with what to do when it cannot listen. */
export function serveHealth(path: string): Promise<void> {
  if (!existsSync(dirname(path))) {
    return Promise.reject(new Error(`${dirname(path)} is missing: the supervisor makes it for the front's user`));
  }
  rmSync(path, { force: true });
  const server = createServer((_request, response) => response.end(`{"status":"ok"}`));
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`${path}: cannot listen (${error.message})`)));
    server.listen(path, resolve);
  });
}
