// Control `runtime`: which user ids the processes of one Ambit run as. Two gates under one id could read each other's
// data and signal each other, so ids are never shared: each state folder claims a block of 100 in one place on the
// machine. The claims are a small SQLite file because claiming must be atomic and survive a kill in the middle.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { requireOwnFolder } from "./places.ts";
import { StartRefused } from "./start-refused.ts";

/** Where the blocks of all Ambits of this machine are written down. */
const claimsFolder = "/var/lib/ambit-uids";
/** Above systemd's dynamic users (61184 to 65519) and `nobody`, below the first subordinate ids (100000). */
const firstBase = 66_000;
const lastBase = 99_900;
const blockSize = 100;
const firstGate = 10;

export interface HostIds {
  /** True when every part has a user id of its own. */
  readonly own: boolean;
  /** First id of the block; our own id when ids are not our to give. */
  readonly base: number;
  readonly broker: number;
  readonly front: number;
  readonly admin: number;
}

/** Without root all parts share the id of whoever started. */
export function shareOneId(uid: number): HostIds {
  return { own: false, base: uid, broker: uid, front: uid, admin: uid };
}

function ownIds(base: number): HostIds {
  return { own: true, base, broker: base, front: base + 1, admin: base + 2 };
}

/** Ids that the machine's own accounts use. */
function accountIds(): Set<number> {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  return new Set(lines.map((line) => Number(line.split(":")[2])).filter(Number.isInteger));
}

function chooseBase(held: Map<number, string>, accounts: Set<number>): number {
  for (let base = firstBase; base <= lastBase; base += blockSize) {
    const inUse = Array.from({ length: blockSize }, (_, offset) => accounts.has(base + offset)).includes(true);
    if (!held.has(base) && !inUse) return base;
  }
  throw new StartRefused(
    `no block of ${blockSize} user ids is free in ${claimsFolder}: remove state folders no longer used`,
  );
}

/**
 * Claims the block of a state folder, as root. `before` is the base its registry remembers: a folder that was moved
 * takes its block along, because its files belong to those ids. Blocks whose state folder is gone are free again.
 */
export function claimIds(state: string, before: number | undefined, folder = claimsFolder): HostIds {
  requireOwnFolder(folder, 0o700, process.getuid?.() ?? 0);
  const db = new DatabaseSync(join(folder, "blocks.sqlite"), { timeout: 5000 });
  try {
    db.exec(
      "begin immediate; create table if not exists blocks (base integer primary key, state text not null) strict;",
    );
    const rows = db.prepare("select base, state from blocks").all();
    const held = new Map(rows.map((row) => [Number(row["base"]), String(row["state"])]));
    for (const [base, holder] of held) if (holder !== state && !existsSync(holder)) held.delete(base);
    const base = before ?? [...held].find(([, holder]) => holder === state)?.[0] ?? chooseBase(held, accountIds());
    const holder = held.get(base);
    if (holder !== undefined && holder !== state) {
      throw new StartRefused(
        `${state} is a copy of ${holder}: its files belong to user ids ${base} to ${base + blockSize - 1}, which the other ` +
          `one uses. Remove ${holder}, or start from an empty --state and deploy again`,
      );
    }
    db.prepare("delete from blocks where base = ? or state = ?").run(base, state);
    db.prepare("insert into blocks (base, state) values (?, ?)").run(base, state);
    db.exec("commit");
    return ownIds(base);
  } finally {
    db.close();
  }
}

/** The lowest user id of the block that no deployment uses, or undefined when all 90 are taken. */
export function chooseGateId(ids: HostIds, used: ReadonlySet<number>): number | undefined {
  for (let uid = ids.base + firstGate; uid < ids.base + blockSize; uid++) if (!used.has(uid)) return uid;
  return undefined;
}
