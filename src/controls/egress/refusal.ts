// Control `callbacks`, `least-privilege`: the one way egress rules say no. Each refusal carries the rule's name from the
// table in `url.ts`, `address.ts` or `destination.ts`, what was refused, at which moment, and what an operator can do.
import type { ControlId, Refusal } from "../../boundary.ts";

/** When a rule was asked: as a destination was written down, or as a request was about to leave. */
export type Moment = "save" | "send";

/** A verdict of this folder: the checked value, or the refusal. */
export type Checked<T> =
  | { readonly verdict: "allow"; readonly value: T }
  | { readonly verdict: "refuse"; readonly refusal: Refusal };

export function allowed<T>(value: T): Checked<T> {
  return { verdict: "allow", value };
}

/** @param message one line for the operator; at most 500 characters reach the wire */
export function refused(
  control: ControlId,
  reason: string,
  message: string,
  field?: string,
): { verdict: "refuse"; refusal: Refusal } {
  const refusal = { control, reason, message: message.slice(0, 500) };
  return { verdict: "refuse", refusal: field === undefined ? refusal : { ...refusal, field } };
}

/** A text from outside, short and printable enough for a message or a log line. */
export function quoted(text: string): string {
  const printable = text.slice(0, 100).replace(/[^\x21-\x7e]/g, "?");
  return text.length > 100 ? `${printable}...` : printable;
}
