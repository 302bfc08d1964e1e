// Control `rate-limits`: how often one token may ask. A program that runs wild with somebody's token, or a thief of it, must
// not keep the supervisor from everybody else. In memory: the process may restart, and then a burst more is no harm here.
import { decideRate } from "../controls/limits/gcra.ts";
import { rateHeaders, retryHeaders } from "../controls/limits/headers.ts";
import { parseRate } from "../controls/limits/rate.ts";
import type { Refused } from "./problem.ts";
import { maxTokens } from "./token-store.ts";

const rate = parseRate("600/min");
const layer = { name: "user", field: "", key: "", rate } as const;

export class TokenRates {
  /** When each token has its burst again. Live tokens alone get here; those that have all of it carry nothing. */
  readonly #tats = new Map<string, number>();

  /** Charges one request: headers of its answer, or the refusal. */
  charge(token: string, now: number): { readonly headers: Record<string, string> } | Refused {
    if (this.#tats.size > maxTokens) this.#forget(now);
    const decision = decideRate(this.#tats.get(token), now, rate);
    this.#tats.set(token, decision.tat);
    if (decision.allowed) {
      return { headers: rateHeaders({ layer, remaining: decision.remaining, afterMs: decision.fullAfterMs }) };
    }
    const { retryAfterMs: afterMs } = decision;
    const headers = { ...rateHeaders({ layer, remaining: 0, afterMs }), ...retryHeaders(afterMs) };
    const detail = `this token has asked ${rate.burst} times in ${rate.windowSeconds} s: wait ${Math.ceil(afterMs / 1000)} s`;
    const found = { layer: "admin", rule: "rate", reason: "too_many_requests" };
    return { status: 429, code: "too_many_requests", detail, decision: found, headers };
  }
  #forget(now: number): void {
    for (const [token, tat] of this.#tats) if (tat <= now * 1000) this.#tats.delete(token);
  }
}
