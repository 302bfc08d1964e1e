// Control `workflow`: how much of its bounds a tool has used up, and what may be counted at all. An attacker wants an
// amount that adds nothing (negative, NaN, a text), one that rounds away, or a sum that forgets; so an amount is a number
// from 0 with at most six decimals, and sums are whole numbers of millionths.

/** What a count or a sum is taken over: one turn; one user and everybody in the last 24 hours. */
export const windows = ["per_turn", "per_user", "per_day"] as const;
export type Window = (typeof windows)[number];

/** One figure for each window. */
export type Figures = Readonly<Record<Window, number>>;

/** What was let through before, the call that is being decided not counted. */
export interface Used {
  /** Calls of this tool. */
  readonly calls: Figures;
  /** Sums by argument, one entry at least for each that stands under `total` of the contract. */
  readonly sums: ReadonlyMap<string, Figures>;
}

export const windowWords: Readonly<Record<Window, string>> = {
  per_turn: "in this turn",
  per_user: "for this user in 24 hours",
  per_day: "in 24 hours",
};

export function isWindow(key: string): key is Window {
  return (windows as readonly string[]).includes(key);
}

/** Largest bound of a sum: whole numbers up to here are exact. */
export const maxSum = Number.MAX_SAFE_INTEGER;

/** Why a value cannot be an amount, or undefined. */
export function findAmountFault(value: unknown): string | undefined {
  if (typeof value !== "number" || !Number.isFinite(value)) return "must be a number";
  if (value < 0) return "must not be negative";
  return undefined;
}

/** Why an amount cannot be added up exactly, or undefined. */
export function findSumFault(amount: number): string | undefined {
  if (amount > maxSum) return "is too large to be added up";
  // The decimal that was sent is the shortest that reads as this number; with seven decimals it is another number.
  return Number(amount.toFixed(6)) === amount ? undefined : "has more than six decimals and cannot be added up exactly";
}

/** An amount as whole units and millionths of one, both exact. */
export function splitAmount(amount: number): { readonly whole: number; readonly millionths: number } {
  const [whole = "", millionths = ""] = amount.toFixed(6).split(".");
  return { whole: Number(whole), millionths: Number(millionths) };
}

/** The number nearest to a sum of whole units and one of millionths. */
export function joinAmount(whole: number, millionths: number): number {
  return whole + Math.floor(millionths / 1_000_000) + (millionths % 1_000_000) / 1_000_000;
}

/** Whether `used` and `amount` together are more than `bound`, counted in millionths. */
export function exceeds(used: number, amount: number, bound: number): boolean {
  if (Number.isSafeInteger(used) && Number.isSafeInteger(amount)) {
    const sum = used + amount;
    if (Number.isSafeInteger(sum)) return sum > bound;
  }
  return millionthsOf(used) + millionthsOf(amount) > millionthsOf(bound);
}

/** Above 1e21 a number is written with an exponent and has no decimals anyway. */
function millionthsOf(value: number): bigint {
  if (value >= 1e21) return BigInt(value) * 1_000_000n;
  return BigInt(value.toFixed(6).replace(".", ""));
}
