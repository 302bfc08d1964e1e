// Control `runtime`: reaching a deployment's gate over its unix socket. A gate may be killed and restarted at any moment;
// callers must not notice more than a short wait, and no request may reach a gate twice. So only connecting is repeated,
// never sending.
// A request with a body always gets a connection of its own: on a kept one, bytes could go into a socket whose other end
// is closing, and nobody could say whether they were read. Requests without a body share kept connections; see
// `isUnsent` for the one case in which such a request is sent on a second connection.
// A gate that was taken over may answer in any way and as fast as it likes: all its connections are read in its own turns.
import { statSync } from "node:fs";
import { Agent, type ClientRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Owners, type PacedSocket } from "../paced-socket.ts";
import type { FrontLimits } from "./limits.ts";

/** `sun_path` of Linux without its closing zero. Node cuts longer paths silently: two gates could become one. */
const longestSocketPath = 107;
const idlePerGate = 8;
/**
 * No socket yet, nobody listening on it, its queue is full, or the listener died with us in its queue: the gate is
 * starting. These are errors of `connect` itself, so no byte has gone out.
 */
const startingCodes = new Set(["ENOENT", "ECONNREFUSED", "EAGAIN", "ECONNRESET"]);
const retryEveryMs = 25;

/** Where the gate of a deployment listens, or null when there is no such deployment. */
export function findGate(run: string, deployment: string): string | null {
  const folder = join(run, "gates", deployment);
  const socketPath = join(folder, "in.sock");
  if (Buffer.byteLength(socketPath) > longestSocketPath) return null;
  // Sync: the folder is on tmpfs and this takes microseconds; asked each time so that nothing goes stale.
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? socketPath : null;
}

/** Connections to gates: `kept` for requests without a body, `fresh` for all others. */
export interface GateAgents {
  readonly kept: Agent;
  readonly fresh: Agent;
  /** Closes kept connections. */
  close(): void;
}

/** Connecting is tried again for `connectMs` while a gate is starting, for `switchMs` while one gives way to the next. */
export function openGateAgents({ connectMs, switchMs, gateIdleMs }: FrontLimits): GateAgents {
  const owners = new Owners();
  const tryFor = { connectMs, switchMs };
  const kept = new GateAgent({ keepAlive: true, maxFreeSockets: idlePerGate, timeout: gateIdleMs }, tryFor, owners);
  const fresh = new GateAgent({ keepAlive: false }, tryFor, owners);
  return { kept, fresh, close: () => kept.destroy() };
}

/**
 * True when a request on a kept connection failed because the gate had already closed it: the kernel refuses the first
 * write to a closed unix socket as a whole (EPIPE), so no byte reached anybody and sending again is not repeating.
 */
export function isUnsent(request: ClientRequest, error: NodeJS.ErrnoException): boolean {
  return request.reusedSocket && error.code === "EPIPE" && error.syscall === "write";
}

/** True when connecting failed in a way that passes by itself. */
function isStarting(error: NodeJS.ErrnoException): boolean {
  return startingCodes.has(error.code ?? "");
}

/** A release's gate listens on a socket of its own: the next one has another inode under the same path. */
function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}

class GateAgent extends Agent {
  readonly #tryFor: TryFor;
  readonly #owners: Owners;
  /** The socket on which each kept connection was made. */
  readonly #madeOn = new WeakMap<object, { readonly path: string; readonly inode: number }>();

  constructor(options: ConstructorParameters<typeof Agent>[0], tryFor: TryFor, owners: Owners) {
    super(options);
    this.#tryFor = tryFor;
    this.#owners = owners;
  }

  /** A kept connection to a gate that is being replaced is not used again: it may close with our request in it. */
  override getName(options?: Parameters<Agent["getName"]>[0] & { socketPath?: string | undefined }): string {
    return `${super.getName(options)}:${inodeOf(options?.socketPath ?? "")}`;
  }

  /** Node asks this when a request is done (`keepSocketAlive` in its documentation). */
  override keepSocketAlive(socket: Parameters<Agent["keepSocketAlive"]>[0]): boolean | void {
    const made = this.#madeOn.get(socket);
    return made !== undefined && made.inode === inodeOf(made.path) && super.keepSocketAlive(socket);
  }

  override createConnection(
    options: { socketPath?: string | undefined },
    done?: (error: Error | null, socket: Socket) => void,
  ): undefined {
    const settle = done as ((error: Error | null, socket?: PacedSocket) => void) | undefined;
    this.#connect(options.socketPath ?? "").then(
      (socket) => settle?.(null, socket),
      (error: Error) => settle?.(error),
    );
  }

  async #connect(path: string): Promise<PacedSocket> {
    const { socket, inode } = await connectGate(path, this.#tryFor);
    const paced = this.#owners.pace(socket, path);
    this.#madeOn.set(paced, { path, inode });
    return paced;
  }
}

type TryFor = Pick<FrontLimits, "connectMs" | "switchMs">;

/** The supervisor says so by a file beside the socket, where no gate can make one. */
function isSwitching(path: string): boolean {
  return statSync(join(dirname(path), "switching"), { throwIfNoEntry: false })?.isFile() === true;
}

async function connectGate(path: string, tryFor: TryFor): Promise<{ socket: Socket; inode: number }> {
  const began = performance.now();
  for (;;) {
    try {
      // Before connecting: a socket that is replaced in between is then taken for the old one, and not kept.
      const inode = inodeOf(path);
      return { socket: await connectOnce(path), inode };
    } catch (error) {
      const limitMs = isSwitching(path) ? tryFor.switchMs : tryFor.connectMs;
      if (!isStarting(error as NodeJS.ErrnoException) || performance.now() + retryEveryMs > began + limitMs)
        throw error;
    }
    await sleep(retryEveryMs);
  }
}

function connectOnce(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      resolve(socket);
    });
  });
}
