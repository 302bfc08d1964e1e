// Control `redeploys`, `least-privilege`: what one tool may do, taken apart into facts. The effect that a file states is
// what it promises, so a stronger one is growth; whether a person is asked is a fact of its own, because a weaker effect
// can take the person away. Arguments that are bounded, fixed or named as authority are bounds: without them more fits.
import { bindFacts, bound, grant, roleFacts, unnamed, type Fact } from "./authority-fact.ts";
import { describeBounds } from "./describe-bounds.ts";
import type { Contract, Manifest } from "./schema.ts";
import { durationMs } from "./shapes.ts";

const effects: readonly Contract["effect"][] = ["read", "local", "reversible", "outward", "irreversible"];

/** What waits for a person though the file gives it no review. */
const usualReview = { by: "anybody but who asked", count: 1, expires: "4h" };

/** One line when a tool is new or gone, its parts when it stands in both. */
export function toolFacts(tool: string, contract: Contract, manifest: Manifest): Fact {
  const {
    effect,
    impact,
    authority,
    payload,
    bind,
    max,
    total,
    only,
    review: _review,
    returns,
    timeout,
    ...rest
  } = contract;
  const parts = [
    grant("effect", tool, effect, effects.indexOf(effect)),
    ...(impact === "none" ? [] : [grant("impact", tool, impact)]),
    ...reviewFacts(tool, contract, manifest),
    ...authority.map((key) => bound("authority argument", `${tool} ${key}`, "decides who, where, which or how much")),
    ...payload.map((key) => grant("content argument", `${tool} ${key}`, "is content only")),
    ...bindFacts("fixed argument", tool, bind),
    ...Object.entries(max).map(([key, most]) => bound("bound", `${tool} ${key}`, `up to ${most}`, most)),
    ...Object.entries(total).flatMap(([key, bounds]) =>
      Object.entries(bounds).flatMap(([window, most]) =>
        most === undefined ? [] : [bound("sum", `${tool} ${key} ${window}`, `up to ${most}`, most)],
      ),
    ),
    ...Object.entries(only).map(([key, values]) => ({
      ...bound("only", `${tool} ${key}`, values.map((value) => JSON.stringify(value)).join(" or ")),
      parts: values.map((value) => grant("value", `${tool} ${key}`, JSON.stringify(value))),
    })),
    // A field that is not named is untrusted.
    ...Object.entries(returns).flatMap(([field, label]) =>
      label === "record" ? [grant("trusted result", `${tool} ${field}`, "record")] : [],
    ),
    grant("timeout", tool, timeout, durationMs(timeout)),
    ...unnamed("tool", `${tool}.`, rest),
  ];
  return { ...grant("tool", tool, describeTool(contract)), parts };
}

/** A secret and where it is sent to; the value is nowhere. */
export function describeCredential(secret: string, where: string): Fact {
  return grant("secret", secret, `added for ${where}`);
}

function reviewOf({ effect, impact, review }: Contract): Contract["review"] {
  return review ?? (impact !== "none" || effect === "irreversible" ? usualReview : undefined);
}

function reviewFacts(tool: string, contract: Contract, manifest: Manifest): Fact[] {
  const review = reviewOf(contract);
  if (review === undefined) return [];
  const { by, count, expires, ...rest } = review;
  const role = bound("review", `${tool} by`, by);
  const parts = [
    // Where anybody could decide before, people of one role are fewer, whoever they are.
    ...(contract.review === undefined ? [] : [{ ...role, parts: [role, ...roleFacts(by, manifest)] }]),
    bound("review", `${tool} count`, String(count), -count),
    bound("review", `${tool} expires`, expires, durationMs(expires)),
    ...unnamed("review", `${tool}.`, rest),
  ];
  return [{ ...bound("review", tool, `${count} of ${by}, within ${expires}`), parts }];
}

function describeTool(contract: Contract): string {
  const { effect, impact } = contract;
  const review = reviewOf(contract);
  return [
    effect,
    ...(impact === "none" ? [] : [`impact ${impact}`]),
    ...describeBounds(contract),
    review === undefined ? "asks nobody" : `asks ${review.count} of ${review.by}`,
  ].join(", ");
}
