// Ways to switch control `rate-limits` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "rate-limits", claim: "claims/rate-limits.claim.test.ts" } as const;

export const rateLimits: readonly Mutation[] = [
  {
    ...of,
    name: "messages of one user",
    red: "a user's message over the limit is refused before the model is asked, and another user's is not",
    file: "src/controls/limits/layers.ts",
    find: `layerOf("user", "messages_per_user", limits,`,
    replace: `layerOf("user", "messages_per_user", {} as Limits,`,
  },
  {
    ...of,
    name: "only conversations that began have a file",
    red: "asking for turns of conversations that nobody began leaves no file, whatever the limits of messages",
    file: "src/gate/channels/way-in.ts",
    find: "(await openLedger(env).hasThread(key))",
    replace: "((await openLedger(env).hasThread(key)) || key)",
  },
  {
    ...of,
    name: "rates survive a restart",
    red: "a gate that is killed and started again gives no burst back",
    file: "src/gate/ledger/rate-store.ts",
    find: "sql.exec(rateTables);",
    replace: `sql.exec("drop table if exists rates;" + rateTables);`,
  },
  {
    ...of,
    name: "a repeated message is charged once",
    red: "a message that is sent again under its key is charged once",
    file: "src/gate/ledger/messages.ts",
    find: "if (id !== undefined && this.#wasCharged(id)) return",
    replace: `if (id === "" && this.#wasCharged(id)) return`,
  },
  {
    ...of,
    name: "model calls are paid before they are made",
    red: "turns at once never cost more than the day's budget, and then no message is taken",
    file: "src/gate/ledger/budget-store.ts",
    find: "this.#add(day, tokens, microUsd);",
    replace: "this.#add(day, 0, 0);",
  },
  {
    ...of,
    name: "the share of one user",
    red: "of one user's turns sixteen are walked at once and the rest wait, while another user's is answered",
    file: "src/gate/walking.ts",
    find: "export const maxWalking = 16;",
    replace: "export const maxWalking = 2000;",
  },
  {
    ...of,
    name: "tool calls of one user",
    red: "a call over the user's limit of calls does not run, and the agent is told",
    file: "src/gate/ledger/rates.ts",
    find: "return decision.allowed ? undefined : decision.refusal;",
    replace: "return decision.allowed ? undefined : void decision.refusal;",
  },
];
