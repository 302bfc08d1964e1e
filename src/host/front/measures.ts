// Control `audit`: how many requests, how they ended and how long they took, by deployment: in memory, so that no request
// waits for it. A stranger chooses paths and names; only a name with a gate behind it is counted by itself, and only so many.
import { maxMeasured, requestBuckets, type FrontMeasures } from "../../controls/wire/measures.ts";
import type { AccessRecord } from "./access-log.ts";

interface Row {
  readonly deployment: string;
  readonly status: string;
  readonly upTo: number[];
  count: number;
  sum: number;
}

export class Measures {
  readonly #rows = new Map<string, Row>();
  readonly #refusals = new Map<string, number>();

  /** Counts a request that ended. */
  note({ deployment, status, ms, reason }: Pick<AccessRecord, "deployment" | "status" | "ms" | "reason">): void {
    if (reason !== null) this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
    if (deployment === null) return;
    const kind = `${Math.min(5, Math.max(1, Math.trunc(status / 100)))}xx`;
    const row = this.#rows.get(`${deployment} ${kind}`) ?? this.#open(deployment, kind);
    if (row === undefined) return;
    const seconds = Math.max(0, ms) / 1000;
    row.count++;
    row.sum += seconds;
    for (const [at, most] of requestBuckets.entries()) if (seconds <= most) row.upTo[at] = (row.upTo[at] ?? 0) + 1;
  }

  read(): FrontMeasures {
    const refusals = [...this.#refusals].map(([reason, count]) => ({ reason, count }));
    return { requests: [...this.#rows.values()].map((row) => ({ ...row, upTo: [...row.upTo] })), refusals };
  }

  #open(deployment: string, status: string): Row | undefined {
    if (this.#rows.size >= maxMeasured * 5) return undefined;
    const row = { deployment, status, upTo: requestBuckets.map(() => 0), count: 0, sum: 0 };
    this.#rows.set(`${deployment} ${status}`, row);
    return row;
  }
}
