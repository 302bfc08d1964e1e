// Control `workflow`, `redeploys`: what bounds one tool and one deployment, in the words that an operator and a reviewer see.
import { windows, type Window } from "../policy/used.ts";
import type { Contract, Manifest } from "./schema.ts";

const spans: Readonly<Record<Window, string>> = { per_turn: "a turn", per_user: "a user in 24h", per_day: "in 24h" };

/** Each bound of a contract in a few words: `cents up to 500000`, `20 calls in 24h`, `cents up to 900 in sum a turn`. */
export function describeBounds({ max, total, only }: Contract): string[] {
  const amounts = Object.entries(max).filter(([key]) => !Object.hasOwn(spans, key));
  return [
    ...amounts.map(([key, bound]) => `${key} up to ${bound}`),
    ...windows.flatMap((window) => (max[window] === undefined ? [] : [`${max[window]} calls ${spans[window]}`])),
    ...Object.entries(total).flatMap(([key, bounds]) =>
      windows.flatMap((window) => {
        const bound = bounds[window];
        return bound === undefined ? [] : [`${key} up to ${bound} in sum ${spans[window]}`];
      }),
    ),
    ...Object.entries(only).map(([key, values]) => `${key} only ${describeValues(values)}`),
  ];
}

function describeValues(values: readonly unknown[]): string {
  const more = values.length > 5 ? ` and ${values.length - 5} more` : "";
  return (
    values
      .slice(0, 5)
      .map((value) => JSON.stringify(value))
      .join(" or ") + more
  );
}

/** What a turn, a user and a day may use. */
export function describeLimits({ limits }: Manifest): string[] {
  const { messages_per_user, messages_per_channel, messages_per_deployment, calls_per_user, calls_per_deployment } =
    limits;
  const { tokens_per_day, usd_per_day } = limits;
  const given = (value: number | string | undefined, words: string) =>
    value === undefined ? [] : [`${value} ${words}`];
  return [
    ...given(messages_per_user, "messages a user"),
    ...given(messages_per_channel, "messages a channel"),
    ...given(messages_per_deployment, "messages in all"),
    ...given(calls_per_user, "tool calls a user"),
    ...given(calls_per_deployment, "tool calls in all"),
    `${limits.steps_per_turn} steps a turn`,
    `${limits.tokens_per_turn} tokens a turn`,
    ...given(tokens_per_day, "tokens a day"),
    ...given(usd_per_day, "US dollars a day"),
    `${limits.turn_timeout} a turn`,
  ];
}
