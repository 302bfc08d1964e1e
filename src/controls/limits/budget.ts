// Control `rate-limits`: what model calls may cost in a day (UTC). Before each call its upper bound is reserved, after it
// the real cost takes the bound's place, so calls that run at once can never go over together. An attacker wants one call
// more than the budget: by many at once, by retries, by a kill in between, by a clock that goes back. All amounts are
// whole tokens and whole micro-dollars, rounded up; the limits are rounded down.
import type { Refusal } from "../../boundary.ts";
import type { Manifest } from "../manifest/schema.ts";

export interface Amount {
  readonly tokens: number;
  /** Millionths of a US dollar. */
  readonly microUsd: number;
}

export interface DailyBudget {
  /** What a day may cost; infinite where the file says nothing. */
  readonly most: Amount;
  /** US dollars for a million tokens, which is micro-dollars for one. */
  readonly price: { readonly input: number; readonly output: number };
}

export type ReservationDecision =
  | { readonly allowed: true; readonly output: number; readonly amount: Amount }
  /** `canWait`: it would fit if calls under way cost less than was reserved for them. */
  | { readonly allowed: false; readonly refusal: Refusal; readonly canWait: boolean };

/** An answer cut shorter than this many tokens is of no use. */
const leastOutputTokens = 256;
const dayMs = 86_400_000;

/** The daily budget of a deployment file; undefined when it sets none. */
export function dailyBudget({ limits, agent }: Pick<Manifest, "limits" | "agent">): DailyBudget | undefined {
  const { tokens_per_day: tokens = Infinity, usd_per_day: usd } = limits;
  if (tokens === Infinity && usd === undefined) return undefined;
  const price = agent.model.price;
  // Unknown means refuse: without a price nothing may be spent. The lint says so at deploy.
  if (usd !== undefined && !price) return { most: { tokens, microUsd: -1 }, price: { input: 0, output: 0 } };
  const microUsd = usd === undefined ? Infinity : Math.floor(exact(usd * 1_000_000));
  return { most: { tokens, microUsd }, price: price ?? { input: 0, output: 0 } };
}

/** What so many tokens cost. */
export function costOf({ price }: Pick<DailyBudget, "price">, input: number, output: number): Amount {
  return { tokens: input + output, microUsd: Math.ceil(exact(input * price.input + output * price.output)) };
}

/** The day (since the epoch) that `now` counts for: one that was reached does not come back when the clock does. */
export function dayOf(now: number, last: number): number {
  return Math.max(Math.floor(now / dayMs), last);
}

/** When the day after `day` begins, milliseconds since the epoch. */
export function endOfDay(day: number): number {
  return (day + 1) * dayMs;
}

/**
 * Reserves a call that reads at most `asked.input` tokens and may write `asked.output`, fewer when less is left. `used` is
 * what the day has cost so far, with `open` of it for calls under way.
 */
export function decideReservation(
  budget: DailyBudget,
  used: Amount,
  open: Amount,
  asked: { readonly input: number; readonly output: number },
  day: number,
): ReservationDecision {
  const need = Math.min(asked.output, leastOutputTokens);
  const output = Math.min(asked.output, affordable(budget, used, asked.input).output);
  if (output >= need) return { allowed: true, output, amount: costOf(budget, asked.input, output) };
  const rest = { tokens: used.tokens - open.tokens, microUsd: used.microUsd - open.microUsd };
  const canWait = affordable(budget, rest, asked.input).output >= need;
  return { allowed: false, canWait, refusal: spent(affordable(budget, used, asked.input).field, day, canWait) };
}

/** Why no message is taken any more this day, or undefined while a call that reads `least` tokens could still be paid. */
export function decideSpent(budget: DailyBudget, settled: Amount, least: number, day: number): Refusal | undefined {
  const { output, field } = affordable(budget, settled, least);
  return output >= leastOutputTokens ? undefined : spent(field, day, false);
}

/** How many tokens may still be written after `input` were read, and the field that says so. */
function affordable(budget: DailyBudget, used: Amount, input: number): { output: number; field: string } {
  const { most, price } = budget;
  const tokens = most.tokens - used.tokens - input;
  const left = most.microUsd - used.microUsd;
  const paid = costOf(budget, input, 0).microUsd > left ? -1 : payable(left - input * price.input, price.output);
  return paid < tokens
    ? { output: paid, field: "limits.usd_per_day" }
    : { output: tokens, field: "limits.tokens_per_day" };
}

function payable(microUsd: number, price: number): number {
  return price === 0 ? Infinity : Math.floor(exact(microUsd / price));
}

function spent(field: string, day: number, canWait: boolean): Refusal {
  const opens = new Date(endOfDay(day)).toISOString();
  const message = canWait
    ? `what is left of today's budget for model calls is reserved by calls under way (${field}); try again soon`
    : `what is left of today's budget for model calls is not enough (${field}); it opens again at ${opens}`;
  return { control: "rate-limits", reason: "budget_spent", field, message };
}

/** Without the noise of binary fractions: 0.07 times 100 is 7, and no micro-dollar more. */
function exact(value: number): number {
  return Number(value.toPrecision(15));
}
