// Control `rate-limits`: the limits of this deployment with the rows they rest on, as the Ledger holds them. Made once a
// process; each reads and writes rows inside a transaction of the Ledger, so after one that was rolled back what was read
// before is forgotten: a count in memory must never stand where the disk has another.
import type { Refusal } from "../../boundary.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { shortestInputTokens } from "../agent/input-bound.ts";
import type { OfferedTool } from "../agent/model.ts";
import { Budget } from "./budget.ts";
import { BudgetStore } from "./budget-store.ts";
import type { ChainStore } from "./chain-store.ts";
import { Messages } from "./messages.ts";
import { Rates } from "./rates.ts";
import { RateStore } from "./rate-store.ts";

/** What the limits of a deployment rest on. */
export interface Limited {
  readonly release: Release;
  readonly tools: () => readonly OfferedTool[];
  /** Why no message may come in now, if none may. */
  readonly frozen: () => Refusal | undefined;
}

export class Limits {
  readonly rates: Rates;
  readonly budget: Budget;
  readonly messages: Messages;
  readonly #rows: RateStore;

  /** @param started when this process started, milliseconds since the epoch */
  constructor(sql: SqlStorage, chain: ChainStore, { release, tools, frozen }: Limited, started: number) {
    const shortest = () => shortestInputTokens(release.instructions, tools());
    this.#rows = new RateStore(sql);
    this.rates = new Rates(release.manifest.limits, this.#rows);
    this.budget = new Budget(release.manifest, new BudgetStore(sql), chain, shortest, started);
    this.messages = new Messages(sql, chain, this.rates, this.budget, frozen);
  }

  /** Forgets what was read, after a transaction was rolled back. */
  forget(): void {
    this.#rows.forget();
  }
}
