// Control `runtime`, `least-privilege`: the one way out of a deployment, a unix socket. Who may open it is decided by the
// folder the supervisor made for it, and which deployment speaks is decided by the socket alone. A gate that was taken over
// also wants the other doors kept shut, by keeping the broker busy. Must stay true: no path is cut short (two deployments
// would share a door), no stale socket is left in the way, nothing but a socket is removed, and however much comes in at
// one door, little of it is read at a time.
import { chmodSync, existsSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { PacedSocket, paceServer, Turns } from "../paced-socket.ts";

/** `sun_path` holds 108 bytes with its end; Node cuts what is longer without a word. */
export const maxSocketPathBytes = 107;
const headerMs = 60_000;
const maxConnections = 128;

export interface Door {
  /** False when the socket file was removed or replaced since. */
  isInPlace(): boolean;
  /** Stops listening and removes the socket file; resolves when every answer under way has left. */
  close(): Promise<void>;
}

/**
 * Listens on a unix socket.
 * @param mode of the socket file: 0o666 for a door (its folder is the lock), 0o600 for control
 * @throws with what to do when the path cannot be used
 */
export async function openDoor(path: string, mode: number, serve: Serve): Promise<Door> {
  const bytes = Buffer.byteLength(path);
  if (bytes > maxSocketPathBytes)
    throw new Error(
      `${path}: ${bytes} bytes, a socket path may have ${maxSocketPathBytes}; use a shorter name or a shorter run folder`,
    );
  removeStale(path);
  const server = createServer(
    {
      requireHostHeader: false,
      insecureHTTPParser: false,
      maxHeaderSize: 16_384,
      // A pool on the other side must never meet a connection that was closed for being idle.
      keepAliveTimeout: 0,
      headersTimeout: headerMs,
      requestTimeout: headerMs,
    },
    oneByOne(serve),
  );
  server.maxConnections = maxConnections;
  const turns = new Turns();
  paceServer(server, (socket) => new PacedSocket(socket, turns));
  // Without a listener Node would end the socket without a word.
  server.on("connect", (_request, socket) =>
    socket.end(
      "HTTP/1.1 405 Method Not Allowed\r\nx-ambit-broker: refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    ),
  );
  await listen(server, path);
  chmodSync(path, mode);
  const identity = identityOf(path);
  return { isInPlace: () => identity !== null && identityOf(path) === identity, close: () => closeServer(server) };
}

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** No client of a door sends a request before the last one was answered; who does wants a thousand read at once. */
function oneByOne(serve: Serve): Serve {
  const busy = new WeakSet<object>();
  return (request, response) => {
    const { socket } = request;
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    response.once("close", () => busy.delete(socket));
    serve(request, response);
  };
}

function removeStale(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`${path}: something that is not a socket stands here; remove it`);
  unlinkSync(path);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      // libuv reports a missing folder as EACCES.
      const isMissing = !existsSync(dirname(path));
      const fix = isMissing
        ? "its folder is missing; the supervisor makes it first"
        : "the broker's user must be able to write there";
      reject(new Error(`${path}: cannot listen (${error.code ?? "error"}): ${fix}`));
    });
    server.listen(path, resolve);
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection whose answer is still on its way becomes idle later, and nothing else would end it.
    const again = setInterval(() => server.closeIdleConnections(), 10);
    // Node removes the socket file here.
    server.close(() => {
      clearInterval(again);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function identityOf(path: string): string | null {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}
