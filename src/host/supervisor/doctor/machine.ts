// Control `runtime`: whether this machine can build the walls: tried as a start tries it, around a harmless program, and
// with the words that a start would use.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { findLibraries } from "../libraries.ts";
import { requireSandbox, requireTools } from "../machine.ts";
import { projectRoot } from "../bundle.ts";
import { asSaid, fail, look, ok, weak, type Finding, type Patient } from "./finding.ts";

const leastNode = 24;
/** For the trial: any user id that is not ours. */
const nobody = 65_534;
const harmless = "/usr/bin/true";

export function lookAtMachine({ uid, running }: Patient): Finding[] {
  const runs = typeof running === "string" ? null : running.status;
  return [
    lookAtNode(),
    lookAtUser(uid),
    ...look("sandbox", "no gate can run", asSaid, () => {
      requireTools();
      requireSandbox(uid === 0 ? nobody : null, harmless, findLibraries(harmless));
      return ok("sandbox", "bubblewrap built its walls around a program: user, network and process namespaces work");
    }),
    // A running host has made its groups and says itself what it could not.
    runs === null ? lookAtGroups() : ok("cgroups", "in use by the running host, whose own words are below"),
    lookAtClock(Date.now()),
  ];
}

function lookAtNode(): Finding {
  const [major = "0"] = process.versions.node.split(".");
  if (Number(major) >= leastNode) return ok("node", `${process.version} at ${process.execPath}`);
  return fail("node", process.version, `Ambit needs Node ${leastNode}`, "start it with ./ambit, which brings its own");
}

function lookAtUser(uid: number): Finding {
  if (uid === 0) return ok("user", "root: each part gets a user id of its own");
  const means = "broker, front, admin and all gates share one user id: one that breaks out reaches all";
  return weak("user", `user ${uid}, not root`, means, "run it as root; it gives its rights away before it serves");
}

/** Tried by a group with nothing in it: which limits could be set shows when a gate starts. */
function lookAtGroups(): Finding {
  const lines = readFileSync("/proc/self/cgroup", "utf8").split("\n");
  const means = "memory of gates is polled every 250 ms, and only a limit per user id bounds their processes";
  const fix = "run as root, or as a service with Delegate=yes (systemd)";
  const found = lines.map((line) => line.split(":")).filter((parts) => parts.length >= 3);
  const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const folders = unified
    ? found.filter(([id]) => id === "0").map(([, , path = ""]) => join("/sys/fs/cgroup", path))
    : ["memory", "pids"].flatMap((kind) =>
        found
          .filter(([, names = ""]) => names.split(",").includes(kind))
          .map(([, , path = ""]) => join("/sys/fs/cgroup", kind, path)),
      );
  const closed = folders.find((folder) => !canMakeGroup(folder) && !(unified && canMakeGroup(dirname(folder))));
  const version = unified ? "v2" : "v1";
  if (folders.length === 0 || closed !== undefined)
    return weak("cgroups", `no group can be made (${version}${closed === undefined ? "" : `, ${closed}`})`, means, fix);
  return ok("cgroups", `groups for limits can be made (${version})`);
}

function canMakeGroup(folder: string): boolean {
  const trial = join(folder, `ambit-doctor-${process.pid}`);
  try {
    accessSync(folder, constants.W_OK);
    mkdirSync(trial);
    rmdirSync(trial);
    return true;
  } catch {
    return false;
  }
}

/** Budgets, expiries and rates are by this clock. `now` is in milliseconds. */
export function lookAtClock(now: number): Finding {
  const written = statSync(join(projectRoot, "package-lock.json")).mtimeMs;
  const said = new Date(now).toISOString();
  if (now >= written - 60_000) return ok("clock", said);
  return fail(
    "clock",
    said,
    "it is before these files were written: approvals, budgets and rates go by it",
    "set the clock (timedatectl set-ntp true)",
  );
}
