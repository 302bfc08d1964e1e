// Control `rate-limits`: a rate of the deployment file, such as `20/min`, as numbers. The number is the rate and the
// burst: twenty at once, and then one every three seconds. Whole microseconds, rounded up: an inexact rate is the
// slower one, never the faster.
import { ratePattern } from "../manifest/shapes.ts";

export interface Rate {
  /** How many may come at once. */
  readonly burst: number;
  /** In which time the burst comes back, seconds. */
  readonly windowSeconds: number;
  /** One comes back in this time, microseconds. */
  readonly intervalUs: number;
}

const windows: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, day: 86_400 };

/** Numbers of a rate that the schema has accepted. */
export function parseRate(text: string): Rate {
  const [count = "", unit = ""] = text.split("/");
  const windowSeconds = windows[unit];
  if (windowSeconds === undefined || !ratePattern.test(text)) throw new Error(`not a rate: ${text}`);
  const burst = Number(count);
  return { burst, windowSeconds, intervalUs: Math.ceil((windowSeconds * 1_000_000) / burst) };
}
