// Control `rate-limits`: limits of a well-formed file that could not mean what they say. An operator
// who wrote a daily budget believes that something bounds the cost: one that nothing can be measured by is an error, one that
// never applies a warning. Pure.
import type { Finding } from "./lint.ts";
import type { Manifest } from "./schema.ts";

/** Limits that nothing can be measured by, or that never apply. */
export function lintLimits({ limits, agent }: Manifest): Finding[] {
  if (limits.usd_per_day === undefined) return [];
  const { price } = agent.model;
  if (!price) {
    const message =
      "limits.usd_per_day needs what the model costs: add price: { input: USD, output: USD }, for a million tokens";
    return [{ level: "error", field: "agent.model.price", message }];
  }
  if (price.input > 0 || price.output > 0) return [];
  const message = "never applies: agent.model.price says that the model costs nothing; limits.tokens_per_day would";
  return [{ level: "warning", field: "limits.usd_per_day", message }];
}
