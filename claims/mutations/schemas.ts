// Ways to switch control `schemas` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "schemas", claim: "claims/schemas.claim.test.ts" } as const;

export const schemas: readonly Mutation[] = [
  {
    ...of,
    name: "strict messages",
    red: "an unknown key is refused and named",
    file: "src/controls/wire/gate.ts",
    find: "export const messageRequest = z.strictObject({",
    replace: "export const messageRequest = z.object({",
  },
  {
    ...of,
    name: "strict decisions",
    red: "a decision with an unknown key is refused and named",
    file: "src/controls/wire/gate.ts",
    find: "export const decisionRequest = z.strictObject({",
    replace: "export const decisionRequest = z.object({",
  },
  {
    ...of,
    name: "strict deployment files",
    red: "a release whose manifest has an unknown key is refused, even with the right hash",
    file: "src/controls/manifest/schema.ts",
    find: "export const manifestSchema = z\n  .strictObject({",
    replace: "export const manifestSchema = z\n  .looseObject({",
  },
  {
    ...of,
    name: "strict acts over the API",
    red: "an act over the API with an unknown key, or one that is the token's to say, is refused and named",
    file: "src/controls/wire/freeze.ts",
    find: "export const freezeRequest = z.strictObject({",
    replace: "export const freezeRequest = z.object({",
  },
];
