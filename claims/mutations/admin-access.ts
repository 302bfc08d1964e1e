// Ways to switch control `admin-access` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "admin-access", claim: "claims/admin-access.claim.test.ts" } as const;

export const adminAccess: readonly Mutation[] = [
  {
    ...of,
    name: "roles",
    red: "a token of another role is refused, and nothing is done",
    file: "src/admin/sign-in.ts",
    find: `if (needed === "viewer" || person.role === needed) return undefined;`,
    replace: `if (needed !== undefined) return undefined;`,
  },
  {
    ...of,
    name: "names of this machine alone",
    red: "a name that a page of another site points here is refused",
    file: "src/admin/site.ts",
    find: "if (host !== null && loopback.test(host)) return undefined;",
    replace: "if (host !== null) return undefined;",
  },
];
