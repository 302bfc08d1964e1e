// Control `gateway-tokens`: takes the token out of an `Authorization` header (RFC 6750, section 2.1).
// An attacker sends two headers, or one with two credentials in it, and hopes that two readers each pick another one.
// So there is exactly one value, one scheme, one space and one bounded run of token characters, or there is no token.
import type { Refusal } from "../../boundary.ts";

const form = /^Bearer ([A-Za-z0-9._~+/=-]{1,256})$/i;

/**
 * `header`: what `Headers.get` or `headersDistinct.authorization` gave. Several values joined by `, ` do not parse.
 * Returns the text after `Bearer `, not yet checked in any other way.
 */
export function parseBearer(header: string | readonly string[] | null | undefined): string | Refusal {
  const values = typeof header === "string" ? [header] : (header ?? []);
  const [value] = values;
  if (value === undefined) return noToken("no Authorization header: send `Authorization: Bearer TOKEN`");
  if (values.length > 1) return noToken("more than one Authorization header: send exactly one");
  // Bounded before the expression runs.
  const token = value.length <= 300 ? form.exec(value)?.[1] : undefined;
  return token ?? noToken("the Authorization header is not `Bearer TOKEN` with one space and one token");
}

function noToken(message: string): Refusal {
  return { control: "gateway-tokens", reason: "token_not_valid", message };
}
