// Ways to switch control `audit` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "audit", claim: "claims/audit.claim.test.ts" } as const;

export const audit: readonly Mutation[] = [
  {
    ...of,
    name: "the broker signs only what follows from what it signed",
    red: "on disk, the gate's chain rewritten with right heads: it is named, and the broker signs nothing after it",
    file: "src/host/broker/sign.ts",
    find: "if (request.digests.reduce(nextHead, last.head) !== request.head) {",
    replace: "if (request.digests.reduce(nextHead, last.head) === request.sequence) {",
  },
  {
    ...of,
    name: "a head covers the head before it",
    red: "a program that uses nothing of ours finds it whole as well",
    file: "src/controls/audit/chain.ts",
    find: "`ambit-chain-v1\\n${previous}\\n${digest}`",
    replace: "`ambit-chain-v1\\n${digest}`",
  },
  {
    ...of,
    name: "the broker's memory against a cut end",
    red: "on disk, the end of the gate's chain cut: the broker remembers more",
    file: "src/controls/audit/chain-walk.ts",
    find: "if (signed.sequence > sequence)",
    replace: "if (signed.sequence > sequence + 1e9)",
  },
  {
    ...of,
    name: "the seal of an export is checked",
    red: "a seal that the broker did not sign is refused",
    file: "src/controls/audit/verify.ts",
    find: "if (!this.#options.isSigned(seal.key, sealText(signed), signature))",
    replace: "if (this.#options.isSigned(seal.key, sealText(signed), `${signature} `))",
  },
  {
    ...of,
    name: "an entry is checked against its head",
    red: "on disk, one entry of the gate edited: it is named",
    file: "src/controls/audit/chain-walk.ts",
    find: "if (nextHead(this.#standing.head, entryDigest(entry as ChainEntry)) !== head)",
    replace: "if (nextHead(this.#standing.head, entryDigest(entry as ChainEntry)) === seq)",
  },
  {
    ...of,
    name: "a decision is on the admin chain before the gate hears of it",
    red: "the admin's chain tells decision_passed_on",
    file: "src/host/supervisor/gate-pass.ts",
    find: "if (act !== null) audit.append(",
    replace: "if (act?.event === undefined && act !== null) audit.append(",
  },
  {
    ...of,
    name: "a forwarded call is on the broker's chain",
    red: "the broker's chain tells call_forwarded",
    file: "src/host/broker/calls.ts",
    find: "if (changes > 0) this.#chain.append(",
    replace: "if (changes > 1) this.#chain.append(",
  },
];
