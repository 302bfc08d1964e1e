// Ways to switch control `redeploys` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "redeploys", claim: "claims/redeploys.claim.test.ts" } as const;

export const redeploys: readonly Mutation[] = [
  {
    ...of,
    name: "a stop lets turns end",
    red: "a stop lets a turn that walks end and starts none; what is held or came meanwhile goes on after the start",
    file: "src/host/supervisor/host.ts",
    find: "const drained = await drainGates([...this.gates.values()], order);",
    replace: "const drained: Gate[] = [];",
  },
  {
    ...of,
    name: "a turn stays with the release that began it",
    red: "a turn that outlasts the drain ends with words, is not continued by the next release, and its call ran once",
    file: "src/gate/thread.ts",
    find: "this.#journal.walkedBy(turn, release) === release ?",
    replace: `this.#journal.walkedBy(turn, release) !== "" ?`,
  },
  {
    ...of,
    name: "overlays only narrow",
    red: "an overlay that widens is deployed by nobody; one that narrows needs no word, and without it more has to be accepted",
    file: "src/controls/manifest/overlay.ts",
    find: "return wider.length === 0 ?",
    replace: "return wider.length >= 0 ?",
  },
  {
    ...of,
    name: "growth has to be accepted",
    red: "growth that nobody accepted is refused with the difference, and the release before goes on",
    file: "src/host/supervisor/growth.ts",
    find: "if (accept !== authority.hash) return",
    replace: `if (accept === "") return`,
  },
  {
    ...of,
    name: "what is accepted is this difference of these releases",
    red: "whoever accepted another difference is refused; of this one it runs",
    file: "src/controls/manifest/authority.ts",
    find: "canonicalJson({ from, to, grew, shrank, changed })",
    replace: "canonicalJson({ grew })",
  },
  {
    ...of,
    name: "a second person where the file asks for one",
    red: "where the running release asks for a second person, growth waits for one who is not who proposed it",
    file: "src/host/supervisor/growth.ts",
    find: `return before.release?.manifest.redeploys === undefined ? "go" : "propose";`,
    replace: `return "go";`,
  },
  {
    ...of,
    name: "whoever proposed does not count",
    red: "where the running release asks for a second person, growth waits for one who is not who proposed it",
    file: "src/host/supervisor/proposals.ts",
    find: "decideVote(requirementOf(before.release, found.by), found.votes, vote)",
    replace: `decideVote(requirementOf(before.release, ""), found.votes, vote)`,
  },
];
