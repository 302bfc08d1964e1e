// Control `rate-limits`: what a caller is told of a limit, as the IETF draft "RateLimit header fields for HTTP" writes it
// (draft-ietf-httpapi-ratelimit-headers-10; not an RFC yet), beside Retry-After (RFC 9110, section 10.2.3). One layer, the
// tightest. A caller wants to learn how much others use: what is left of a shared limit is only said when nothing is.
import type { Standing } from "./layers.ts";

/** Response headers that say where the tightest limit stands. */
export function rateHeaders(standing: Standing | undefined): Record<string, string> {
  if (!standing) return {};
  const { layer, remaining, afterMs } = standing;
  const policy = { "ratelimit-policy": `"${layer.name}";q=${layer.rate.burst};w=${layer.rate.windowSeconds}` };
  if (remaining === null) return policy;
  return { ...policy, ratelimit: `"${layer.name}";r=${remaining};t=${Math.ceil(afterMs / 1000)}` };
}

/** The headers of a refusal that ends after `afterMs`. */
export function retryHeaders(afterMs: number): Record<string, string> {
  return { "retry-after": String(Math.max(1, Math.ceil(afterMs / 1000))) };
}
