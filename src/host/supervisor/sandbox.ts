// Control `runtime`, `sandbox`: the walls around one process, as arguments and nothing else, so that they can be read
// and tested without starting anything. What runs inside is taken to be hostile: no network, no host file but those
// listed, no capability, no environment, no way to make a namespace of its own. One driver for gates and sandboxes.

/** A file or folder of the host and where it stands inside. */
export interface Mount {
  readonly from: string;
  readonly to: string;
}

export interface SandboxSpec {
  readonly hostname: string;
  readonly readOnly: readonly Mount[];
  readonly writable: readonly Mount[];
  /** The program inside with its arguments. */
  readonly argv: readonly string[];
}

export interface LaunchSpec {
  /** User id of the caller: 0 may never start bubblewrap as itself. */
  readonly callerUid: number;
  /** Process id of the caller; the child ends itself when that is no longer its parent. */
  readonly callerPid: number;
  /** User id to take, or null to keep the caller's. */
  readonly uid: number | null;
  /** `cgroup.procs` files to join before anything else. */
  readonly cgroups: readonly string[];
  readonly openFiles: number;
  /** Processes the user id may have, or null for no limit (a shared id has others too). */
  readonly processes: number | null;
  readonly argv: readonly string[];
}

/** User id that the inside sees; no file of the host belongs to it there. */
const insideId = "10001";

/** Arguments of bubblewrap, program included. */
export function buildSandboxArgv(spec: SandboxSpec): string[] {
  const bind = (flag: string) => (mount: Mount) => [flag, mount.from, mount.to];
  return [
    "/usr/bin/bwrap",
    ...["--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"],
    ...["--unshare-cgroup", "--uid", insideId, "--gid", insideId, "--hostname", spec.hostname],
    ...["--cap-drop", "ALL", "--clearenv", "--new-session", "--die-with-parent"],
    // Belt to the dropped user id: bubblewrap 0.8 started from uid 0 leaves /proc/sys writable, which is the host's.
    ...["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"],
    // Read-only: a tmpfs that can be written is memory without a name.
    ...["--dev", "/dev", "--remount-ro", "/dev"],
    ...spec.readOnly.flatMap(bind("--ro-bind")),
    ...spec.writable.flatMap(bind("--bind")),
    ...["--remount-ro", "/", "--chdir", "/", "--"],
    ...spec.argv,
  ];
}

/** Joins the groups named by the first `$1` arguments, then becomes the rest. Node's spawn has no hook for this. */
const joinGroups =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1" || exit 97; shift; n=$((n - 1)); done; exec "$@"';

/**
 * A parent that dies before the death signal is set would leave an orphan: whoever comes too late sees another parent.
 * The signal itself must be set after the change of user id, which clears it (prctl(2), PR_SET_PDEATHSIG).
 */
const requireParent = '[ "$PPID" = "$0" ] || exit 98; exec "$@"';

/** The command that limits, drops privileges, ties itself to the caller's life, and then becomes `argv`. */
export function buildLaunchArgv(spec: LaunchSpec): string[] {
  if (spec.uid === 0) throw new Error("a part must not run as user id 0");
  if (spec.callerUid === 0 && spec.uid === null) throw new Error("root must name the user id that a part takes");
  const limits = ["--core=0:0", `--nofile=${spec.openFiles}:${spec.openFiles}`];
  if (spec.processes !== null) limits.push(`--nproc=${spec.processes}:${spec.processes}`);
  const drop =
    spec.uid === null ? [] : [`--reuid=${spec.uid}`, `--regid=${spec.uid}`, "--clear-groups", "--bounding-set=-all"];
  return [
    ...["/bin/sh", "-c", joinGroups, "sh", String(spec.cgroups.length), ...spec.cgroups],
    ...["/usr/bin/prlimit", ...limits, "--"],
    ...["/usr/bin/setpriv", ...drop, "--inh-caps=-all", "--no-new-privs", "--pdeathsig", "KILL", "--"],
    ...["/bin/sh", "-c", requireParent, String(spec.callerPid)],
    ...spec.argv,
  ];
}
