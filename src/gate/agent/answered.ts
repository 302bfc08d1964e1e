// Control `audit`: what the chain says of a model's answer: who was asked, how long it took and what it cost, and no word of
// what was asked or answered.
import type { JsonObject } from "../../boundary.ts";
import { costOf } from "../../controls/limits/budget.ts";
import type { Manifest } from "../../controls/manifest/schema.ts";
import type { PaidAnswer } from "./within-budget.ts";

/** `ms`: from the first attempt to the answer. */
export function answeredDetail(
  model: Manifest["agent"]["model"],
  { input, output, reservation }: Pick<PaidAnswer, "input" | "output" | "reservation">,
  ms: number,
): JsonObject {
  const { price, provider, name } = model;
  return {
    ...{ provider, model: name, ms: Math.max(0, ms), input, output, tokens: input + output },
    ...(price === undefined ? {} : { microUsd: costOf({ price }, input, output).microUsd }),
    ...(reservation === null ? {} : { reservation }),
  };
}
