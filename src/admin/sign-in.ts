// Control `admin-access`: who asks, and whether they may ask this. There is no way in without a token, a token is one person
// with one role, and a role is compared with the one that the route's row names. Whoever deploys cannot decide held calls with
// the same token, and the other way round.
import { parseBearer } from "../controls/access/bearer.ts";
import type { Role } from "../controls/wire/admin.ts";
import type { Refused } from "./problem.ts";
import type { Person, TokenStore } from "./token-store.ts";

const headers = { "www-authenticate": 'Bearer realm="ambit admin"' };

/** The person of an Authorization header. */
export function signIn(tokens: TokenStore, header: string | null, now: number): Person | Refused {
  const token = parseBearer(header);
  if (typeof token !== "string") return notSignedIn(`Authorization: ${token.message}`);
  return tokens.find(token, now) ?? notSignedIn("Authorization: no live token fits: make one with ./ambit admin token");
}

function notSignedIn(detail: string): Refused {
  return { status: 401, code: "token_not_valid", detail, field: "Authorization", headers };
}

/** Everybody who signed in may read; what an approver and an operator may do is apart. */
export function decideRole(person: Person, needed: Role): Refused | undefined {
  if (needed === "viewer" || person.role === needed) return undefined;
  const detail = `this takes a token of an ${needed}, this one is of a ${person.role}: ./ambit admin token --role ${needed}`;
  const decision = { layer: "admin", rule: "role", reason: "role_not_enough" };
  return { status: 403, code: "role_not_enough", detail, field: "Authorization", decision };
}
