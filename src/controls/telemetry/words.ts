// Control `audit`: words of an entry, on their way into a label or an attribute. A gate that was taken over writes its chain,
// and a model chooses the names of tools that do not exist: both would like to say something there, or to make endlessly many.

const word = /^[A-Za-z0-9_.:-]{1,64}$/;
const modelName = /^[\x21-\x7e]{1,200}$/;
const other = "other";

/** A machine word, or `other`. */
export function asWord(value: unknown): string {
  return typeof value === "string" && word.test(value) ? value : other;
}

/** A model's name, or `other`. */
export function asModel(value: unknown): string {
  return typeof value === "string" && modelName.test(value) ? value : other;
}

/** A whole number from 0, or 0. */
export function asCount(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** Milliseconds since the epoch; NaN when it is no time. */
export function asTime(at: string): number {
  return Date.parse(at);
}
