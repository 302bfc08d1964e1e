// Control `runtime`: starts the parts, each limited, dropped and tied to our life before it runs a line of its own. A
// gate's listener is made here and handed over as a descriptor, so that nothing inside the sandbox can name, replace or
// remove the socket its callers use.
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { buildLaunchArgv, type LaunchSpec } from "./sandbox.ts";

export type Launch = Omit<LaunchSpec, "callerUid" | "callerPid">;

export interface Listener {
  /** Where it is made, then renamed to `path`: Node removes the path that it knows when it closes. */
  readonly temporary: string;
  readonly path: string;
  /** Group whose members may connect beside root, or null when all is one user. */
  readonly group: number | null;
}

function start(launch: Launch, descriptors: readonly number[]): ChildProcess {
  const callerUid = process.getuid?.() ?? -1;
  const [command = "", ...args] = buildLaunchArgv({ ...launch, callerUid, callerPid: process.pid });
  return spawn(command, args, {
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8" },
    stdio: ["ignore", "pipe", "pipe", ...descriptors],
    // A session of its own: Ctrl-C in a terminal is for the supervisor, which ends the parts in order.
    detached: true,
  });
}

/** Starts a part that needs no sandbox. */
export function launchPlain(launch: Launch): ChildProcess {
  return start(launch, []);
}

/**
 * Starts a part that takes its connections from descriptor 3. All in one tick: our copy of the listener is closed before
 * the event loop could accept on it, so only the part ever answers.
 */
export function launchWithListener(launch: Launch, listener: Listener): ChildProcess {
  rmSync(listener.temporary, { force: true });
  const server = createServer();
  server.on("error", () => undefined);
  server.listen(listener.temporary);
  try {
    // Node gives no other way to the descriptor of a listener.
    const fd = (server as unknown as { _handle?: { fd?: number } })._handle?.fd;
    if (fd === undefined || fd < 0) throw new Error(`cannot listen on ${listener.temporary}`);
    chmodSync(listener.temporary, listener.group === null ? 0o600 : 0o660);
    if (listener.group !== null) chownSync(listener.temporary, 0, listener.group);
    const child = start(launch, [fd]);
    renameSync(listener.temporary, listener.path);
    return child;
  } finally {
    server.close();
  }
}
