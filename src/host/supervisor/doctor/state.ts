// Control `data`: the state folder: whose it is, whether its disk keeps up, which version it has, and what was copied of it.
// Read without taking its lock: a start at the same moment must not meet us in its way.
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { listBackups } from "../backup.ts";
import { decideSocketPath, findGatePlaces, requireSafeWay, requireSocketPaths, requireTraversable } from "../places.ts";
import { findStateVersion, stateSteps, versionAfter, type FoundState } from "../state-version.ts";
import { asSaid, fail, look, ok, weak, type Finding, type Patient } from "./finding.ts";

const [leastBytes, goodBytes] = [200 * 1024 * 1024, 2 * 1024 * 1024 * 1024];
const syncs = 20;
/** A turn with one call waits for the disk about eight times. */
const slowMs = 20;
const longestName = "n".repeat(40);

export function lookAtState(patient: Patient): Finding[] {
  const { places, uid } = patient;
  const { state } = places;
  const paths = look("sockets", "Ambit cannot listen here", asSaid, () => {
    requireSocketPaths(places);
    const { door, staged } = findGatePlaces(places, longestName);
    const wrong = [door, staged].map(decideSocketPath).find((one) => one !== undefined);
    if (wrong !== undefined)
      return weak("sockets", wrong, "long names of deployments are refused", "shorten XDG_RUNTIME_DIR");
    return ok("sockets", `every socket path under ${places.run} is short enough`);
  });
  const way = look("state folder", "Ambit does not start on it", asSaid, () => lookAtFolder(state, uid));
  if (!existsSync(state)) return [...paths, ...way];
  if (statSync(state).uid !== uid) return [...paths, ...way];
  return [
    ...paths,
    ...way,
    ...look("disk", "nothing can be stored", "make room, or mend the disk", () => lookAtDisk(state)),
    ...look("state version", "it cannot be read", "restore it from a backup (docs/upgrades.md)", () =>
      lookAtVersion(places.registry),
    ),
    ...look("backups", "they cannot be read", "look at their owner and mode", () => lookAtBackups(state)),
  ];
}

function lookAtFolder(state: string, uid: number): Finding {
  requireSafeWay(state, uid);
  if (!existsSync(state)) return ok("state folder", `${state} is not there yet: the first start makes it`);
  const { uid: owner, mode } = statSync(state);
  if (owner !== uid) {
    const means = "of this state only the machine was looked at, and you cannot run it";
    return fail(
      "state folder",
      `${state} belongs to user ${owner}, you are ${uid}`,
      means,
      `run this as user ${owner}, or choose another folder with --state`,
    );
  }
  if (uid === 0) requireTraversable(state);
  const bits = (mode & 0o777).toString(8).padStart(4, "0");
  if ((mode & 0o022) !== 0)
    return weak(
      "state folder",
      `${state} has mode ${bits}`,
      "others may put files there",
      "the next start of Ambit sets it",
    );
  return ok("state folder", `${state}, user ${owner}, mode ${bits}`);
}

/** Free space, and how long a small write takes until it is on disk. */
function lookAtDisk(state: string): Finding[] {
  const { bavail, bsize } = statfsSync(state);
  const free = bavail * bsize;
  const said = `${Math.round(free / 1_048_576)} MB free on the disk of ${state}`;
  const room = "messages are refused when it is full";
  const space =
    free < leastBytes
      ? fail("free space", said, room, "make room on it")
      : free < goodBytes
        ? weak("free space", said, room, "make room on it")
        : ok("free space", said);
  const ms = syncMs(state);
  const speed = `an fsync takes ${ms.toFixed(1)} ms (median of ${syncs})`;
  const slow = "each step of a turn waits for the disk several times";
  return [
    space,
    ms > slowMs ? weak("fsync", speed, slow, "use a disk of this machine for --state") : ok("fsync", speed),
  ];
}

function syncMs(state: string): number {
  const path = join(state, `doctor-${process.pid}.tmp`);
  const fd = openSync(path, "wx", 0o600);
  try {
    const times = Array.from({ length: syncs }, () => {
      const began = performance.now();
      writeSync(fd, "0".repeat(512));
      fsyncSync(fd);
      return performance.now() - began;
    });
    return times.sort((one, other) => one - other)[syncs / 2] ?? 0;
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}

function lookAtVersion(registry: string): Finding {
  const known = versionAfter(stateSteps);
  if (!existsSync(registry)) return ok("state version", `none yet; this Ambit writes version ${known}`);
  const found = readVersion(registry);
  const version = Math.max(found?.version ?? known, found?.upgrading?.to ?? 0);
  if (version > known) {
    const said = `version ${version}, written by Ambit ${found?.writtenBy ?? "of unknown version"}; this one knows ${known}`;
    const fix = "start the newer one, or go back to a backup (docs/upgrades.md)";
    return fail("state version", said, "this Ambit refuses to start on it", fix);
  }
  const next = version < known ? `: the next start makes a backup and upgrades it to ${known}` : "";
  return ok("state version", `version ${version}${next}`);
}

/** No lock is taken: whoever runs has it, and may write just now, so that what makes no sense is read again. */
function readVersion(registry: string, tries = 3): FoundState | null {
  const url = pathToFileURL(registry);
  url.search = "immutable=1";
  const db = new DatabaseSync(url, { readOnly: true });
  try {
    return findStateVersion(db);
  } catch (error) {
    if (tries > 1) return readVersion(registry, tries - 1);
    throw error;
  } finally {
    db.close();
  }
}

function lookAtBackups(state: string): Finding {
  const all = listBackups(state);
  const last = all.at(-1);
  if (last === undefined)
    return ok("backups", "none: one is made before an upgrade; docs/upgrades.md says how to make one");
  return ok("backups", `${all.length}, the last is ${last.name}`);
}
