// Ways to switch control `review` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "review", claim: "claims/review.claim.test.ts" } as const;

export const review: readonly Mutation[] = [
  {
    ...of,
    name: "an approval expires",
    red: "nobody's decision is a no: an expired call does not run and cannot be approved any more",
    file: "src/gate/ledger/call-store.ts",
    find: "where state in ('held', 'approved') and expires <= ? limit ?",
    replace: "where state in ('held', 'approved') and expires < 0 * ? limit ?",
  },
  {
    ...of,
    name: "a new release voids what was held",
    red: "a new release voids what was held under the old one, and what was approved of it counts no more",
    file: "src/gate/ledger.ts",
    find: `const voided = this.#review.endAll(() => this.#calls.waiting(batch), "void", Date.now());`,
    replace: "const voided = 0;",
  },
  {
    ...of,
    name: "an approval fits one action",
    red: "an approval of another action than the held one is refused",
    file: "src/gate/ledger/review.ts",
    find: "if (row.actionHash !== decision.actionHash) {",
    replace: "if (row.actionHash === decision.by) {",
  },
  {
    ...of,
    name: "only people of the role decide",
    red: "whoever is not of the role can neither approve nor deny, and is not told who is",
    file: "src/controls/approvals/vote.ts",
    find: "return requirement.role === null || isListed(",
    replace: "return requirement.role !== by || isListed(",
  },
  {
    ...of,
    name: "who asked does not approve",
    red: "whoever asked cannot approve, in whatever case, and can withdraw",
    file: "src/controls/approvals/vote.ts",
    find: "return personKey(requester) === personKey(by);",
    replace: "return personKey(requester) === by + by;",
  },
  {
    ...of,
    name: "two people where the file asks for two",
    red: "a call that needs two people waits for two different ones",
    file: "src/controls/approvals/vote.ts",
    find: "count: review?.count ?? 1, requester };",
    replace: "count: 1, requester };",
  },
  {
    ...of,
    name: "one person counts once",
    red: "a call that needs two people waits for two different ones",
    file: "src/controls/access/people.ts",
    find: "return bare.toLowerCase().normalize",
    replace: "return bare.normalize",
  },
  {
    ...of,
    name: "only a few calls of a turn wait",
    red: "the sixth call of one turn does not wait with the others, and the agent is told to wait",
    file: "src/controls/approvals/hold.ts",
    find: "if (ofTurn >= mostHeld.turn)",
    replace: "if (ofTurn >= mostHeld.turn * 1e9)",
  },
];
