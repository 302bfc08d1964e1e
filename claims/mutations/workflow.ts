// Ways to switch control `workflow` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "workflow", claim: "claims/workflow.claim.test.ts" } as const;
const frozen = { ...of, works: "what is not frozen answers and acts, and does again after a freeze and a thaw" };
const bounded = { ...of, works: "payments within their bounds are made, in one turn and in the next" };

export const workflow: readonly Mutation[] = [
  {
    ...frozen,
    name: "the freeze of the front",
    red: "frozen at the front alone: nobody reaches it, and its gate is not asked",
    file: "src/host/front/frozen.ts",
    find: "?.isFile() !== true;",
    replace: "?.isFile() === null;",
  },
  {
    ...frozen,
    name: "the freeze of the broker",
    red: "frozen at the broker alone: a gate that ignores the freeze gets nothing out, and heads and outcomes are still told",
    file: "src/host/broker/deployment.ts",
    find: "  isFrozen = false;",
    replace: "  get isFrozen(): boolean {\n    return false;\n  }\n  set isFrozen(_: boolean) {}",
  },
  {
    ...frozen,
    name: "the freeze of the Ledger",
    red: "frozen at the Ledger alone: no message is taken, nobody can approve, and what was held can still be denied",
    file: "src/gate/ledger/freeze.ts",
    find: 'return row ? frozenSince.parse(JSON.parse(String(row["value"]))) : null;',
    replace: "return row === null ? frozenSince.parse(row) : null;",
  },
  {
    ...bounded,
    name: "amounts are added up",
    red: "one cent more than all may pay in a day is refused, whoever asks",
    file: "src/controls/policy/bounds.ts",
    find: "!exceeds(sums[window], value, bound)",
    replace: "!exceeds(0, value, bound)",
  },
  {
    ...bounded,
    name: "calls of a turn are counted",
    red: "the third call of a turn is refused, and the next turn has its own two",
    file: "src/controls/policy/bounds.ts",
    find: "context.used.calls[window] + 1 <= bound",
    replace: `(window === "per_turn" || context.used.calls[window] + 1 <= bound)`,
  },
  {
    ...bounded,
    name: "only the values that the file lists",
    red: "another currency than the one that is allowed is refused",
    file: "src/controls/policy/bounds.ts",
    find: "if (allowed.some((one) => one === value)) continue;",
    replace: "if (allowed.length > 0) continue;",
  },
  {
    ...bounded,
    name: "what is used up outlives the gate",
    red: "a killed gate gives nothing back",
    file: "src/gate/ledger/use-store.ts",
    find: "create table if not exists use_minutes (",
    replace: "drop table if exists use_minutes; create table use_minutes (",
  },
  {
    ...bounded,
    name: "nobody there means no",
    red: "unattended, what needs a person is refused, and the agent is told that nobody is there",
    file: "src/controls/policy/rules.ts",
    find: "if (!context.unattended) return undefined;",
    replace: "if (!context.unattended || call.tool) return undefined;",
  },
  {
    ...bounded,
    name: "the operator's own policies",
    red: "what a policy of the operator forbids does not run, and the agent is told why; what it fails to judge does not either",
    file: "src/controls/policy/decide.ts",
    find: "if (context.overlay && ",
    replace: "if (context.overlay === null && ",
  },
  {
    ...bounded,
    name: "a policy that fails refuses",
    red: "what a policy of the operator forbids does not run, and the agent is told why; what it fails to judge does not either",
    file: "src/controls/policy/cedar-overlay.ts",
    find: "if (fault) return this.#failed(",
    replace: "if (fault === null) return this.#failed(",
  },
  {
    ...bounded,
    name: "unsafe combinations",
    red: "untrusted text, private data and a way out that nobody watches do not pass check together, any two do",
    file: "src/controls/manifest/lint-combination.ts",
    find: "if (untrusted.length === 0 || data.length === 0) return [];",
    replace: "if (untrusted.length >= 0 || data.length === 0) return [];",
  },
];
