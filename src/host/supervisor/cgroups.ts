// Control `runtime`: memory and process limits that the kernel holds for a whole part, whatever it forks. Groups are
// made below the one we live in, so a limit can only get tighter. A limit that could not be set is said aloud (`weaker`)
// and never silently missing. Both generations are served: v1 has a tree per controller, v2 one tree.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface Limits {
  /** Bytes. */
  readonly memory: number;
  readonly pids: number;
}

/** Where groups can be made: a folder per limit; in v2 both are the same folder. */
export interface GroupParents {
  readonly version: 1 | 2;
  readonly memory: string | null;
  readonly pids: string | null;
}

export interface Group {
  /** `cgroup.procs` files a process must join. */
  readonly procs: readonly string[];
  /** True when the kernel bounds the memory. */
  readonly boundsMemory: boolean;
  /** What could not be set. */
  readonly weaker: readonly string[];
  /** Kills all that is inside, and waits until it is empty and removed. */
  remove(): Promise<void>;
}

const mounts = "/sys/fs/cgroup";
const noGroups: GroupParents = { version: 1, memory: null, pids: null };

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return otherwise;
  }
}

function tryWrite(path: string, value: string): boolean {
  try {
    writeFileSync(path, value);
    return true;
  } catch {
    return false;
  }
}

/** v1: `/proc/self/cgroup` lines are `id:controllers:path`. */
function findV1(lines: readonly string[][], root: string): GroupParents {
  const folder = (controller: string): string | null => {
    const line = lines.find((parts) => parts[1]?.split(",").includes(controller));
    const path = line?.[2] === undefined ? null : join(root, controller, line[2]);
    return path !== null && existsSync(join(path, "cgroup.procs")) ? path : null;
  };
  return { version: 1, memory: folder("memory"), pids: folder("pids") };
}

function handsOut(folder: string): boolean {
  const given = readOr(join(folder, "cgroup.subtree_control"), "").split(" ");
  return given.includes("memory") && given.includes("pids");
}

/** v2 lets only a group without processes hand out controllers, so we step down into a leaf first. */
function openV2(own: string, id: string): boolean {
  if (handsOut(own)) return true;
  const leaf = join(own, `ambit-${id}.self`);
  try {
    mkdirSync(leaf, { recursive: true });
  } catch {
    return false;
  }
  if (tryWrite(join(leaf, "cgroup.procs"), "0")) {
    if (tryWrite(join(own, "cgroup.subtree_control"), "+memory +pids")) return true;
    tryWrite(join(own, "cgroup.procs"), "0");
  }
  rmdirSync(leaf);
  return false;
}

/**
 * A login session shares its group with a shell, so it cannot hand out controllers. Then the groups stand beside it, at
 * the nearest ancestor that hands them out; a skipped group with a limit of its own ends the search.
 */
function findV2(path: string, root: string, id: string): GroupParents {
  const own = join(root, path);
  if (openV2(own, id)) return { version: 2, memory: own, pids: own };
  for (let folder = own; folder.length > root.length; folder = dirname(folder)) {
    const unlimited =
      readOr(join(folder, "memory.max"), "max") === "max" && readOr(join(folder, "pids.max"), "max") === "max";
    if (!unlimited) return noGroups;
    const above = dirname(folder);
    if (above.length >= root.length && handsOut(above)) return { version: 2, memory: above, pids: above };
  }
  return noGroups;
}

/** Finds where groups of the Ambit `id` can be made. `self` is the text of `/proc/self/cgroup`. */
export function findGroupParents(id: string, self = readOr("/proc/self/cgroup", ""), root = mounts): GroupParents {
  const lines = self.split("\n").map((line) => line.split(":"));
  const unified = lines.find((parts) => parts[0] === "0" && parts[1] === "");
  if (unified?.[2] !== undefined && existsSync(join(root, "cgroup.controllers"))) return findV2(unified[2], root, id);
  return findV1(lines, root);
}

async function removeFolder(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 250; attempt++) {
    for (const pid of readOr(join(folder, "cgroup.procs"), "").split("\n").map(Number)) {
      try {
        if (pid > 1) process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    }
    await delay(20);
  }
  throw new Error(`${folder} still holds processes 5 s after SIGKILL`);
}

function limitFiles(version: 1 | 2, kind: "memory" | "pids", limits: Limits): [file: string, value: number][] {
  if (kind === "pids") return [["pids.max", limits.pids]];
  if (version === 1) return [["memory.limit_in_bytes", limits.memory]];
  return [["memory.max", limits.memory]];
}

/** Swap would let a part grow past its limit; there is nothing to bound where there is no swap. */
function limitSwap(folder: string, version: 1 | 2, memory: number): boolean {
  const file = version === 1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max";
  const done = tryWrite(join(folder, file), version === 1 ? String(memory) : "0");
  return done || /^SwapTotal:\s+0 kB$/m.test(readOr("/proc/meminfo", ""));
}

/** Makes a group with limits. Limits that could not be set stand in `weaker`. */
export function makeGroup(parents: GroupParents, name: string, limits: Limits): Group {
  const folders = new Set<string>();
  const weaker: string[] = [];
  const bound = { memory: false, pids: false };
  for (const kind of ["memory", "pids"] as const) {
    const parent = parents[kind];
    if (parent === null) continue;
    const folder = join(parent, name);
    try {
      mkdirSync(folder, { recursive: true });
    } catch {
      continue;
    }
    folders.add(folder);
    bound[kind] = limitFiles(parents.version, kind, limits).every(([file, value]) =>
      tryWrite(join(folder, file), String(value)),
    );
    if (kind === "memory" && bound.memory && !limitSwap(folder, parents.version, limits.memory)) {
      weaker.push("swap of gates is not limited: the kernel here does not account for swap per group");
    }
  }
  if (!bound.memory) weaker.push("no memory group could be made: memory of gates is polled every 250 ms instead");
  if (!bound.pids)
    weaker.push("no process group could be made: only a limit per user id bounds the processes of gates");
  const all = [...folders];
  return {
    procs: all.map((folder) => join(folder, "cgroup.procs")),
    boundsMemory: bound.memory,
    weaker,
    remove: async () => void (await Promise.all(all.map(removeFolder))),
  };
}

/** Removes what a killed supervisor of the same state folder left below `folders`, with all that still runs there. */
export async function sweepGroups(id: string, folders: readonly string[]): Promise<void> {
  const prefix = `ambit-${id}-`;
  for (const folder of new Set(folders)) {
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => basename(name).startsWith(prefix)) : [];
    await Promise.all(names.map((name) => removeFolder(join(folder, name))));
  }
}
