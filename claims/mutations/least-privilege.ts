// Ways to switch control `least-privilege` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "least-privilege", claim: "claims/least-privilege.claim.test.ts" } as const;

export const leastPrivilege: readonly Mutation[] = [
  {
    ...of,
    name: "bound arguments that the model cannot send",
    red: "a bound argument sent by the model is refused",
    file: "src/controls/policy/rules.ts",
    find: "return bound === undefined ? undefined : badArguments",
    replace: "return bound !== null ? undefined : badArguments",
  },
  {
    ...of,
    name: "arguments checked against the pinned schema",
    red: "a fraction of a cent is refused",
    file: "src/controls/policy/rules.ts",
    find: `  { name: "schema", ask: ({ schema, arguments: args }) => schema.check(args) },\n`,
    replace: "",
  },
  {
    ...of,
    name: "limits of amounts",
    red: "one cent over the limit is refused",
    file: "src/controls/policy/bounds.ts",
    find: "if (value > bound) {",
    replace: "if (value > bound * 1e9) {",
  },
  {
    ...of,
    name: "bound parameters of record views, at the broker",
    red: "a record parameter that the operator bound is refused at the door, without the gate's help",
    file: "src/host/broker/record-parameters.ts",
    find: "if (Object.hasOwn(record.bind, name)) {",
    replace: "if (record.bind === null) {",
  },
  {
    ...of,
    name: "only listed destinations, at the broker",
    red: "a host that is not listed is refused at the door, without the gate's help",
    file: "src/controls/egress/destination.ts",
    find: "if (target.isListed) return allowed(",
    replace: "if (target !== null) return allowed(",
  },
];
