// Control `rate-limits`: the daily budget of this deployment on the rows that the Ledger keeps. Called inside a
// transaction of the Ledger: of two calls that come at once, the second sees what the first reserved. What a thread
// reports settles a reservation, so settling costs no commit of its own; what nobody reports stays at its upper bound.
import type { Refusal } from "../../boundary.ts";
import type { EntryBody, ThreadEntry } from "../../controls/audit/entry.ts";
import {
  costOf,
  dailyBudget,
  dayOf,
  decideReservation,
  decideSpent,
  endOfDay,
  type Amount,
  type DailyBudget,
} from "../../controls/limits/budget.ts";
import type { Manifest } from "../../controls/manifest/schema.ts";
import type { BudgetStore } from "./budget-store.ts";
import type { ChainStore } from "./chain-store.ts";

export interface ReserveRequest {
  readonly thread: string;
  /** Most tokens that the call can read, and what it may write. */
  readonly input: number;
  readonly output: number;
  readonly entries: readonly ThreadEntry[];
}

export type ReserveAnswer =
  | { readonly reservation: string; readonly output: number }
  | { readonly refusal: Refusal; readonly canWait: boolean };

/** No call is under way that long, milliseconds: what is older will not be settled. */
const underWayMs = 180_000;
/** A day that pays for reading so many tokens pays for the shortest message: nobody has to look what that is. */
const plentyTokens = 250_000;

export class Budget {
  readonly #budget: DailyBudget | undefined;
  readonly #store: BudgetStore;
  readonly #chain: ChainStore;
  readonly #started: number;
  /** What the shortest message of this deployment has to pay for. */
  readonly #shortest: () => number;

  /** @param started when this process started: no call from before it is under way */
  constructor(manifest: Manifest, store: BudgetStore, chain: ChainStore, shortest: () => number, started: number) {
    this.#budget = dailyBudget(manifest);
    this.#started = started;
    this.#shortest = shortest;
    this.#store = store;
    this.#chain = chain;
  }

  get isSet(): boolean {
    return this.#budget !== undefined;
  }

  reserve({ thread, input, output }: Omit<ReserveRequest, "entries">, now: number): ReserveAnswer {
    if (!this.#budget) throw new Error("this release has no daily budget");
    const day = dayOf(now, this.#store.lastDay());
    const decision = decideReservation(
      this.#budget,
      this.#store.used(day),
      this.#open(day, now),
      { input, output },
      day,
    );
    if (!decision.allowed) return decision;
    const id = crypto.randomUUID();
    this.#store.reserve({ id, thread, day, ...decision.amount }, now);
    return { reservation: id, output: decision.output };
  }

  /** Why no message may come in this day, and in how long the next begins. */
  refuseMessage(now: number): { refusal: Refusal; afterMs: number } | undefined {
    if (!this.#budget) return undefined;
    const day = dayOf(now, this.#store.lastDay());
    const [used, open] = [this.#store.used(day), this.#open(day, now)];
    const settled = { tokens: used.tokens - open.tokens, microUsd: used.microUsd - open.microUsd };
    if (!decideSpent(this.#budget, settled, plentyTokens, day)) return undefined;
    const refusal = decideSpent(this.#budget, settled, this.#shortest(), day);
    return refusal && { refusal, afterMs: endOfDay(day) - now };
  }

  #open(day: number, now: number): Amount {
    return this.#store.open(day, Math.max(this.#started, now - underWayMs));
  }

  /** Settles what an entry of a thread says of a reservation: what the answer cost, or that nothing was asked. */
  settle(thread: string, { event, detail, turn }: EntryBody, now: number): void {
    const { reservation, input, output } = detail;
    if (!this.#budget || typeof reservation !== "string") return;
    if (event === "budget_released") this.#store.settle(reservation, thread, { tokens: 0, microUsd: 0 });
    if (event !== "model_answered" || !isCount(input) || !isCount(output)) return;
    const cost = costOf(this.#budget, input, output);
    const bound = this.#store.settle(reservation, thread, cost);
    if (!bound || (cost.tokens <= bound.tokens && cost.microUsd <= bound.microUsd)) return;
    const at = new Date(now).toISOString();
    const sums = { tokens: cost.tokens, microUsd: cost.microUsd, reserved: asJson(bound) };
    const place = { thread, ...(turn === undefined ? {} : { turn }) };
    this.#chain.append({ v: 1, at, event: "budget_overrun", ...place, detail: { reservation, ...sums } });
  }
}

function asJson({ tokens, microUsd }: Amount): { tokens: number; microUsd: number } {
  return { tokens, microUsd };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
