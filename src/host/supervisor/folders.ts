// Control `runtime`, `data`: who may enter what. Folders are the walls between the parts on this machine: a gate's data is
// its own, its socket is front's to call, its door is its own to call and the broker's to serve. Without root all parts
// are one user, and then every folder is that user's alone.
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import {
  elsewhereByRuntime,
  findGatePlaces,
  requireOwnFolder,
  requireSafeWay,
  requireTraversable,
  type Places,
} from "./places.ts";
import type { HostIds } from "./user-ids.ts";

interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

function makeFolder(path: string, ids: HostIds, owner: Owner): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (ids.own) chownSync(path, owner.uid, owner.gid);
  // After chown, which clears the setgid bit.
  chmodSync(path, ids.own ? owner.mode : 0o700);
}

/** The state folder, before anything in it is opened. */
export function makeStateFolder(places: Places, uid: number): void {
  requireSafeWay(places.state, uid);
  requireOwnFolder(places.state, uid === 0 ? 0o711 : 0o700, uid);
  if (uid === 0) requireTraversable(places.state);
}

/** Removes earlier run folders. Moved away first: an earlier run's reaper may still be emptying the one it stands in. */
function removeEarlierRuns(places: Places): void {
  const [base, name] = [dirname(places.run), basename(places.run)];
  if (existsSync(places.run)) renameSync(places.run, `${places.run}.old-${randomBytes(6).toString("hex")}`);
  const old = readdirSync(base).filter((entry) => entry.startsWith(`${name}.old-`));
  for (const entry of old) rmSync(join(base, entry), { recursive: true, force: true });
}

/** All folders that are not of one deployment. What an earlier run left in the run folder is removed. */
export function makeHostFolders(places: Places, ids: HostIds): void {
  const uid = process.getuid?.() ?? -1;
  requireSafeWay(dirname(places.run), uid, elsewhereByRuntime);
  requireOwnFolder(dirname(places.run), ids.own ? 0o711 : 0o700, uid, elsewhereByRuntime);
  removeEarlierRuns(places);
  requireOwnFolder(places.run, ids.own ? 0o711 : 0o700, uid);
  const open = { uid: 0, gid: 0, mode: 0o711 };
  for (const path of [places.gates, places.gateSockets, places.doors, places.configs]) makeFolder(path, ids, open);
  makeFolder(places.hosts, ids, { uid: 0, gid: ids.front, mode: 0o710 });
  const brokers = { uid: ids.broker, gid: ids.broker, mode: 0o700 };
  for (const path of [places.broker.state, places.broker.run]) makeFolder(path, ids, brokers);
  const fronts = { uid: ids.front, gid: ids.front, mode: 0o700 };
  for (const path of [places.front.state, places.front.run]) makeFolder(path, ids, fronts);
  const admins = { uid: ids.admin, gid: ids.admin, mode: 0o700 };
  makeFolder(places.admin.run, ids, { uid: 0, gid: ids.admin, mode: 0o710 });
  for (const path of [places.admin.state, places.admin.own]) makeFolder(path, ids, admins);
}

/** The folders of one deployment, with the gate's user id. */
export function makeGateFolders(places: Places, ids: HostIds, name: string, uid: number): void {
  const gate = findGatePlaces(places, name);
  // The gate owns its data folder and could open it to everybody; nobody else gets as far as there.
  makeFolder(gate.folder, ids, { uid: 0, gid: uid, mode: 0o710 });
  makeFolder(gate.data, ids, { uid, gid: uid, mode: 0o700 });
  makeFolder(gate.socketFolder, ids, { uid: 0, gid: ids.front, mode: 0o710 });
  // The broker is not a member of the gate's group; setgid gives its socket that group all the same.
  makeFolder(gate.doorFolder, ids, { uid: ids.broker, gid: uid, mode: 0o2710 });
  makeFolder(gate.config, ids, { uid: 0, gid: uid, mode: 0o750 });
}

/** Says to front whether it may pass requests on to a deployment. */
export function markOpen(places: Places, name: string, isOpen: boolean): void {
  mark(findGatePlaces(places, name).openMark, isOpen);
}

/** Says to front that the next release is on its way. */
export function markSwitching(places: Places, name: string, isSwitching: boolean): void {
  mark(findGatePlaces(places, name).switchMark, isSwitching);
}

function mark(path: string, isThere: boolean): void {
  if (isThere) writeFileSync(path, "", { mode: 0o600 });
  else rmSync(path, { force: true });
}

/** Removes a deployment's folders, data included: only for one that never came to be. */
export function removeGateFolders(places: Places, name: string): void {
  const gate = findGatePlaces(places, name);
  for (const path of [gate.socketFolder, gate.doorFolder, gate.config, gate.folder]) {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Writes a file that only root and one group may read. */
export function writeGroupFile(path: string, text: string, ids: HostIds, gid: number): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o600, flag: "wx" });
  if (ids.own) chownSync(path, 0, gid);
  chmodSync(path, ids.own ? 0o640 : 0o600);
}

/** Removes the run folder when all has stopped. */
export function removeRunFolder(places: Places): void {
  if (existsSync(places.run)) rmSync(places.run, { recursive: true, force: true });
}
