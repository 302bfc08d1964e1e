// Control `rate-limits`: the generic cell rate algorithm. One number per key is the whole memory: the moment at which
// the key has its full burst again (`tat`, theoretical arrival time). An attacker wants a burst back early: by a restart
// (the number is stored), by minted keys (the store decides what goes) or by a clock that jumps. Back: nothing comes
// back, and nobody waits longer than one full window. Forward: one full burst and no more.
import type { Rate } from "./rate.ts";

export type RateDecision =
  | {
      readonly allowed: true;
      /** To be stored, microseconds since the epoch. */
      readonly tat: number;
      /** How many more may come now. */
      readonly remaining: number;
      /** When all of them are there again. */
      readonly fullAfterMs: number;
    }
  | {
      readonly allowed: false;
      readonly retryAfterMs: number;
      /** What was stored, brought back to one full window ahead: to be stored when it differs, or the clock that went back is waited for. */
      readonly tat: number;
    };

/** Whether one more may come at `now` (milliseconds since the epoch); `tat` is what was stored, if anything was. */
export function decideRate(tat: number | undefined, now: number, rate: Rate): RateDecision {
  const at = now * 1000;
  const full = rate.intervalUs * rate.burst;
  const used = Math.min(Math.max(tat ?? at, at), at + full) - at;
  const next = used + rate.intervalUs;
  if (next > full) return { allowed: false, retryAfterMs: Math.ceil((next - full) / 1000), tat: at + used };
  const remaining = Math.floor((full - next) / rate.intervalUs);
  return { allowed: true, tat: at + next, remaining, fullAfterMs: Math.ceil(next / 1000) };
}
