// Control `data`: how far the gates' chains were counted, and what they added up to, in one row a deployment: a kill counts
// nothing twice and leaves nothing out. It is no truth: a row that is missing or not understood is made again from the chain.
import type { DatabaseSync } from "node:sqlite";
import { noCounts, type Counts } from "../controls/telemetry/counts.ts";
import type { OpenTurns } from "../controls/telemetry/turn-trace.ts";

export interface Watched {
  /** The last entry that was taken, and the head over all up to it. */
  readonly sequence: number;
  readonly head: string;
  readonly counts: Counts;
  readonly turns: OpenTurns;
}

/** Of another form, what was kept is not used. */
const form = 2;

export class WatchStore {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    db.exec("create table if not exists watched (deployment text primary key, state text not null) strict");
    this.#db = db;
  }

  load(): Map<string, Watched> {
    const rows = this.#db.prepare("select deployment, state from watched").all();
    const parsed = rows.map((row) => [String(row["deployment"]), parse(String(row["state"]))] as const);
    return new Map(parsed.filter((one): one is readonly [string, Watched] => one[1] !== undefined));
  }

  keep(deployment: string, watched: Watched): void {
    const write = this.#db.prepare("insert or replace into watched (deployment, state) values (?, ?)");
    write.run(deployment, JSON.stringify({ form, ...watched }));
  }

  forget(deployment: string): void {
    this.#db.prepare("delete from watched where deployment = ?").run(deployment);
  }
}

export function nothingWatched(): Watched {
  return { sequence: 0, head: "", counts: noCounts(), turns: {} };
}

function parse(text: string): Watched | undefined {
  const value = JSON.parse(text) as Watched & { form: number };
  if (value.form !== form) return undefined;
  const { sequence, head, counts, turns } = value;
  return { sequence, head, counts, turns };
}
