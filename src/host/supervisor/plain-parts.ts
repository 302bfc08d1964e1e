// Control `runtime`: broker, front and admin as supervised parts. All three are plain processes with a user id of their own; what
// they may do is decided by the folders they may enter and by having neither a capability nor a way to gain one.
import { launchPlain } from "./launch.ts";
import type { Listen } from "./listen.ts";
import type { PartSpec } from "./part.ts";
import type { Places } from "./places.ts";
import { probeHealth } from "./probe.ts";
import type { Programs } from "./programs.ts";
import type { HostIds } from "./user-ids.ts";

interface Plain {
  readonly name: string;
  readonly uid: number;
  readonly graceMs: number;
  readonly openFiles: number;
  readonly argv: readonly string[];
  /** Where it is asked how it is: in a folder of its own, so that nobody answers in its place. */
  readonly socketPath: string;
  onReady?(): void;
}

function askToEnd(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It has ended.
  }
}

function plainPart(ids: HostIds, plain: Plain): PartSpec {
  const { name, uid, graceMs, openFiles, argv, socketPath, onReady } = plain;
  return {
    name,
    uid,
    graceMs,
    start: () => launchPlain({ uid: ids.own ? uid : null, cgroups: [], openFiles, processes: null, argv }),
    probe: async (timeoutMs, signal) => void (await probeHealth({ socketPath }, timeoutMs, signal)),
    terminate: askToEnd,
    clear: () => Promise.resolve(),
    polledMemory: () => null,
    ...(onReady === undefined ? {} : { onReady }),
  };
}

/** The broker; `onReady` is called after every start, when it knows no deployment yet. */
export function brokerPart(places: Places, ids: HostIds, programs: Programs, onReady: () => void): PartSpec {
  return plainPart(ids, {
    name: "broker",
    uid: ids.broker,
    // It takes up to 10 s to see calls end that were sent already, so that their outcome is known.
    graceMs: 11_000,
    openFiles: 16_384,
    argv: [programs.node, programs.broker, "--state", places.broker.state, "--run", places.run],
    socketPath: places.broker.control,
    onReady,
  });
}

/** The front; it lets requests under way end, so it gets longer. */
export function frontPart(
  places: Places,
  ids: HostIds,
  programs: Programs,
  { listen, trustedProxies }: { readonly listen: Listen; readonly trustedProxies?: string | undefined },
): PartSpec {
  return plainPart(ids, {
    name: "front",
    uid: ids.front,
    graceMs: 12_000,
    openFiles: 16_384,
    argv: [
      ...[programs.node, programs.front, "--run", places.run],
      ...["--state", places.front.state, "--listen", listen.text],
      ...(trustedProxies === undefined ? [] : ["--trusted-proxies", trustedProxies]),
    ],
    socketPath: places.front.health,
  });
}

/** The admin process: it may be gone for an hour, nothing waits for it. */
export function adminPart(
  places: Places,
  ids: HostIds,
  programs: Programs,
  listen: Listen,
  otlp: string | undefined,
): PartSpec {
  return plainPart(ids, {
    name: "admin",
    uid: ids.admin,
    graceMs: 6000,
    openFiles: 4096,
    argv: [
      ...[programs.node, programs.admin, "--run", places.run],
      ...["--state", places.admin.state, "--listen", listen.text],
      ...(otlp === undefined ? [] : ["--otlp", otlp]),
    ],
    socketPath: places.admin.health,
  });
}
