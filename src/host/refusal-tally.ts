// Control `audit`: what a process refused of a deployment, on that deployment's chain. Whoever is refused can repeat it a
// thousand times a second, and all deployments share this process: so nothing is written while a request waits, what came
// in a moment is one commit, and each kind is one entry a minute with a count. A process that is killed loses the last
// quarter of a second, and counts of the last minute.
import { Tally, type Counted } from "../controls/audit/tally.ts";
import type { ChainTable, Detail } from "./chain-table.ts";

const flushMs = 250;
/** Entries that wait while none can be stored; what comes after them is lost. */
const maxWaiting = 1000;

interface Waiting extends Counted {
  readonly deployment: string;
  readonly at: string;
}

export class RefusalTally {
  readonly #chain: ChainTable;
  readonly #onFailure: (error: Error) => void;
  readonly #tallies = new Map<string, Tally>();
  readonly #timer: NodeJS.Timeout;
  #waiting: Waiting[] = [];

  /** @param onFailure told when entries could not be stored; they are tried again */
  constructor(chain: ChainTable, onFailure: (error: Error) => void) {
    this.#chain = chain;
    this.#onFailure = onFailure;
    this.#timer = setInterval(() => this.#flush(), flushMs).unref();
  }

  /** Counts a refusal. `detail` says which kind it is: few words, none that whoever is refused may choose at length. */
  note(deployment: string, event: string, detail: Detail): void {
    const now = Date.now();
    const counted = this.#tallyOf(deployment).note(JSON.stringify({ event, detail }), now);
    if (counted !== null) this.#wait(deployment, counted, now);
  }

  /** Writes what was counted. */
  close(): void {
    clearInterval(this.#timer);
    const now = Date.now();
    for (const [deployment, tally] of this.#tallies) {
      for (const counted of tally.rest()) this.#wait(deployment, counted, now);
    }
    this.#flush();
  }

  #wait(deployment: string, counted: Counted, now: number): void {
    if (this.#waiting.length < maxWaiting)
      this.#waiting.push({ deployment, ...counted, at: new Date(now).toISOString() });
  }

  #flush(): void {
    const now = Date.now();
    for (const [deployment, tally] of this.#tallies) {
      for (const counted of tally.due(now)) this.#wait(deployment, counted, now);
    }
    if (this.#waiting.length === 0) return;
    try {
      this.#chain.together(() => this.#waiting.forEach((one) => this.#append(one)));
      this.#waiting = [];
    } catch (error) {
      this.#onFailure(error as Error);
    }
  }

  #append({ deployment, kind, count, at }: Waiting): void {
    const { event, detail } = kind.startsWith("{")
      ? (JSON.parse(kind) as { event: string; detail: Detail })
      : { event: "refused", detail: { reason: "many kinds at once" } };
    this.#chain.appendBody(deployment, { v: 1, at, event, detail: { ...detail, count } });
  }

  #tallyOf(deployment: string): Tally {
    const tally = this.#tallies.get(deployment) ?? new Tally();
    this.#tallies.set(deployment, tally);
    return tally;
  }
}
