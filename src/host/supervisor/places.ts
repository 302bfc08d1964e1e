// Control `runtime`, `data`: where everything of one Ambit stands. Two state folders never share a socket, a cgroup or a
// user id: all of these carry an id taken from the folder's real path. An attacker on this machine wants a folder under
// /tmp of his own to be taken for ours, or a socket path cut short so that two deployments meet in one; both are refused.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StartRefused } from "./start-refused.ts";

export interface Places {
  /** First 10 hex digits of SHA-256 over the real path of the state folder. */
  readonly id: string;
  readonly state: string;
  readonly run: string;
  readonly control: string;
  readonly pidFile: string;
  readonly cgroupsFile: string;
  readonly registry: string;
  readonly programs: string;
  readonly gates: string;
  /** Audit chains of deployments that were removed. */
  readonly removed: string;
  /** What the host said, see log-file.ts. */
  readonly logs: string;
  readonly gateSockets: string;
  /** A file for each host name of a deployment, with that one's name in it: for front. */
  readonly hosts: string;
  readonly doors: string;
  readonly configs: string;
  readonly broker: { readonly state: string; readonly run: string; readonly control: string };
  readonly front: { readonly state: string; readonly run: string; readonly health: string };
  readonly admin: {
    readonly state: string;
    /** Only the admin process may enter, and only the supervisor may make anything in it. */
    readonly run: string;
    /** The supervisor's socket for the admin process. */
    readonly host: string;
    /** What the admin process makes itself. */
    readonly own: string;
    readonly health: string;
  };
}

export interface GatePlaces {
  readonly folder: string;
  readonly data: string;
  readonly socketFolder: string;
  /** Where front and supervisor reach the gate. */
  readonly socket: string;
  /** Where a gate listens that has not been accepted yet; front never looks there. */
  readonly staged: string;
  /** Where a listener is made, for less than one turn of the event loop. */
  readonly unnamed: string;
  /** Front passes requests on only while this file is there: a gate cannot enter its folder, and what is missing is no. */
  readonly openMark: string;
  /** There while one release gives way to the next: front waits longer for a socket then. */
  readonly switchMark: string;
  readonly doorFolder: string;
  readonly door: string;
  /** Generated configuration of the running gate; holds nothing that the registry does not. */
  readonly config: string;
}

/** Bytes a unix socket path may have: `sun_path` is 108 with its end mark, and Node cuts longer ones silently. */
const maxSocketPath = 107;

type Environment = Record<string, string | undefined>;

function stateFolder(given: string | undefined, uid: number, env: Environment): string {
  if (given !== undefined) return resolve(given);
  if (uid === 0) return "/var/lib/ambit";
  return join(env["XDG_STATE_HOME"] || join(env["HOME"] ?? "/nonexistent", ".local/state"), "ambit");
}

function runBase(uid: number, env: Environment): string {
  if (uid === 0) return "/run/ambit";
  const runtime = env["XDG_RUNTIME_DIR"];
  return runtime ? join(runtime, "ambit") : `/tmp/ambit-${uid}`;
}

/** Where one Ambit stands. Creates nothing; `state` is the folder of `--state`, or undefined for the usual one. */
export function findPlaces(state: string | undefined, uid: number, env: Environment): Places {
  const wanted = stateFolder(state, uid, env);
  const real = existsSync(wanted) ? realpathSync(wanted) : wanted;
  const id = createHash("sha256").update(real).digest("hex").slice(0, 10);
  const run = join(runBase(uid, env), id);
  return {
    id,
    state: real,
    run,
    control: join(run, "control.sock"),
    pidFile: join(run, "pid"),
    cgroupsFile: join(run, "cgroups.json"),
    registry: join(real, "host.sqlite"),
    programs: join(real, "programs"),
    gates: join(real, "gates"),
    removed: join(real, "removed"),
    logs: join(real, "logs"),
    gateSockets: join(run, "gates"),
    hosts: join(run, "hosts"),
    doors: join(run, "doors"),
    configs: join(run, "configs"),
    broker: { state: join(real, "broker"), run: join(run, "broker"), control: join(run, "broker", "control.sock") },
    front: { state: join(real, "front"), run: join(run, "front"), health: join(run, "front", "health.sock") },
    admin: {
      state: join(real, "admin"),
      run: join(run, "admin"),
      host: join(run, "admin", "host.sock"),
      own: join(run, "admin", "own"),
      health: join(run, "admin", "own", "health.sock"),
    },
  };
}

/** Where the parts of one deployment stand; `name` must have passed the manifest's name pattern. */
export function findGatePlaces(places: Places, name: string): GatePlaces {
  const folder = join(places.gates, name);
  const socketFolder = join(places.gateSockets, name);
  const doorFolder = join(places.doors, name);
  return {
    folder,
    data: join(folder, "data"),
    socketFolder,
    socket: join(socketFolder, "in.sock"),
    staged: join(socketFolder, "in.new"),
    unnamed: join(socketFolder, "in.tmp"),
    openMark: join(socketFolder, "open"),
    switchMark: join(socketFolder, "switching"),
    doorFolder,
    door: join(doorFolder, "door.sock"),
    config: join(places.configs, name),
  };
}

/** What is wrong with a socket path, or undefined. */
export function decideSocketPath(path: string): string | undefined {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxSocketPath) return undefined;
  return `socket path ${path} has ${bytes} bytes, this system allows ${maxSocketPath}: use a shorter run folder or name`;
}

/** Throws when a fixed socket of this host would not fit; the sockets of a deployment are checked when it comes. */
export function requireSocketPaths(places: Places): void {
  for (const path of [
    places.control,
    places.broker.control,
    places.front.health,
    places.admin.host,
    places.admin.health,
  ]) {
    const wrong = decideSocketPath(path);
    if (wrong !== undefined) throw new StartRefused(`${wrong} (XDG_RUNTIME_DIR decides where the run folder is)`);
  }
}

/** How an operator gets away from a place that cannot be used. */
const elsewhereByState = "choose another folder with --state";
export const elsewhereByRuntime = "choose another folder with XDG_RUNTIME_DIR";

/**
 * Throws when somebody else could put another folder in the place of `path`: whoever may write in a folder on the way can
 * rename what stands in it, unless its sticky bit says that only the owner may.
 */
export function requireSafeWay(path: string, uid: number, elsewhere = elsewhereByState): void {
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  for (folder = realpathSync(folder); ; folder = dirname(folder)) {
    const why = whyUnsafe(folder, uid);
    if (why !== undefined) {
      throw new StartRefused(
        `${folder}, which is on the way to ${path}, ${why}, who could put another folder in its place: ` + elsewhere,
      );
    }
    if (folder === dirname(folder)) return;
  }
}

function whyUnsafe(folder: string, uid: number): string | undefined {
  const { uid: owner, gid, mode } = statSync(folder);
  if (owner !== 0 && owner !== uid) return `belongs to user ${owner}`;
  if ((mode & 0o1000) !== 0) return undefined;
  if ((mode & 0o002) !== 0) return "can be written by everybody";
  // A group of our own has no other members on the usual systems.
  return (mode & 0o020) !== 0 && gid !== 0 && gid !== process.getgid?.() ? `can be written by group ${gid}` : undefined;
}

/** Makes a folder that must be ours alone to write, and sets its mode. */
export function requireOwnFolder(path: string, mode: number, uid: number, elsewhere = elsewhereByState): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new StartRefused(`${path} cannot be made (${code}): make it yourself, or ${elsewhere}`);
  }
  const found = lstatSync(path);
  if (!found.isDirectory()) throw new StartRefused(`${path} is not a folder: remove it, or ${elsewhere}`);
  if (found.uid !== uid) {
    throw new StartRefused(`${path} belongs to user ${found.uid}, not to ${uid}: remove it, or ${elsewhere}`);
  }
  chmodSync(path, mode);
}

/** Throws when a user id of a gate could not enter `path`: every folder on the way needs the x bit for others. */
export function requireTraversable(path: string): void {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) {
      throw new StartRefused(
        `the user ids of gates cannot enter ${folder}, which is on the way to ${path}: ` +
          `choose a --state outside it, such as /var/lib/ambit, or run chmod o+x ${folder}`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}
