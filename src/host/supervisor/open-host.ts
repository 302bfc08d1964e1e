// Control `runtime`, `data`: everything before the first process starts: the state folder and its lock, user ids, folders,
// programs. Whatever an earlier run left behind, because it was killed, is ended and removed here, under the lock, so
// that it cannot meet what starts now. What is missing on this machine ends the start with a line that says so.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { findGroupParents, sweepGroups, type GroupParents } from "./cgroups.ts";
import { makeHostFolders, makeStateFolder, removeRunFolder } from "./folders.ts";
import { Host } from "./host.ts";
import { readVersion } from "./bundle.ts";
import { CedarProgram } from "./cedar-program.ts";
import { findLibraries } from "./libraries.ts";
import type { Listen } from "./listen.ts";
import type { Log } from "./log.ts";
import { openLogFile } from "./log-file.ts";
import { requireSandbox, requireTools } from "./machine.ts";
import { findPlaces, requireSocketPaths, type Places } from "./places.ts";
import { bringCedar, type Programs } from "./programs.ts";
import { reapEarlier } from "./reaper.ts";
import { lockRegistry, makeRegistry, type Registry } from "./registry.ts";
import { stateSteps } from "./state-version.ts";
import { upgradeState } from "./upgrade.ts";
import { claimIds, shareOneId, type HostIds } from "./user-ids.ts";

export interface HostOptions {
  /** Folder of `--state`; undefined for the usual one. */
  readonly state: string | undefined;
  readonly listen: Listen;
  /** Where the admin process listens. */
  readonly admin: Listen;
  /** As `--trusted-proxies` of the front takes it. */
  readonly trustedProxies?: string | undefined;
  /** Collector that admin posts traces to. */
  readonly otlp?: string | undefined;
  /** Brings the programs to a folder; see `bringPrograms`. */
  readonly bring: (folder: string) => Promise<Programs>;
  readonly log: Log;
  /** How long turns that walk may take to end when the host is told to, milliseconds. */
  readonly drainMs: number;
}

const uidBaseKey = "uid_base";

function describeHolder(places: Places): string {
  const pid = existsSync(places.pidFile) ? readFileSync(places.pidFile, "utf8").trim() : "unknown";
  return `another Ambit (pid ${pid}) runs on ${places.state}: stop it, or choose another folder with --state`;
}

function claimHostIds(places: Places, registry: Registry, uid: number): HostIds {
  if (uid !== 0) return shareOneId(uid);
  const before = registry.readMeta(uidBaseKey);
  const ids = claimIds(places.state, before === undefined ? undefined : Number(before));
  registry.writeMeta(uidBaseKey, String(ids.base));
  return ids;
}

/** Where an earlier run made its groups: perhaps in another session than ours. */
function readEarlierGroups(places: Places): string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(readFileSync(places.cgroupsFile, "utf8")));
  } catch {
    return [];
  }
}

/** Ends and removes what an earlier run left, then makes the folders of this one. */
async function takeOver(places: Places, ids: HostIds, groups: GroupParents): Promise<void> {
  const now = [groups.memory, groups.pids].filter((folder) => folder !== null);
  if (existsSync(places.pidFile)) await reapEarlier(places.configs);
  await sweepGroups(places.id, [...now, ...readEarlierGroups(places)]);
  makeHostFolders(places, ids);
  writeFileSync(places.pidFile, `${process.pid}\n`, { mode: 0o600 });
  writeFileSync(places.cgroupsFile, JSON.stringify(now), { mode: 0o600 });
}

/** Takes the lock of the state folder, and brings the state to this Ambit. */
async function openState(places: Places, log: Log): Promise<Registry> {
  const db = lockRegistry(places.registry, () => describeHolder(places));
  const quiet = (): Promise<void> => reapEarlier(places.configs);
  const ambit = readVersion();
  try {
    await upgradeState({ state: places.state, db, steps: stateSteps, ambit, log, quiet });
  } catch (error) {
    db.close();
    throw error;
  }
  const registry = makeRegistry(db, places.registry);
  registry.writeMeta("state_written_by", ambit);
  return registry;
}

/** Opens the state folder, takes its lock and makes everything ready; starts nothing yet. */
export async function openHost(options: HostOptions): Promise<Host> {
  const uid = process.getuid?.() ?? -1;
  requireTools();
  makeStateFolder(findPlaces(options.state, uid, process.env), uid);
  const places = findPlaces(options.state, uid, process.env);
  requireSocketPaths(places);
  const registry = await openState(places, options.log);
  try {
    const ids = claimHostIds(places, registry, uid);
    const groups = findGroupParents(places.id);
    await takeOver(places, ids, groups);
    const programs = await options.bring(places.programs);
    const cedar = new CedarProgram(() => bringCedar(places.programs, programs.gate));
    // Made again only when its sources have changed; what fails is said of the deployments that need it.
    for (const { release } of registry.list()) if (release) await cedar.prepare(release).catch(() => undefined);
    const libraries = findLibraries(programs.workerd);
    requireSandbox(ids.own ? ids.front : null, programs.workerd, libraries);
    const { listen, admin, trustedProxies, otlp, log } = options;
    log.keepIn(openLogFile(places.logs));
    const addresses = { listen, admin, trustedProxies, otlp };
    return new Host({ places, ids, registry, groups, programs, cedar, libraries, ...addresses, log });
  } catch (error) {
    removeRunFolder(places);
    registry.close();
    throw error;
  }
}
