// The register of controls: what Ambit says of itself, and how far that is true in this version. Whoever buys, reviews or
// attacks Ambit reads this first, so nothing here may claim what no test shows: a control that is not built says so.
// The table in README.md is generated from these rows and compared with them by a test.
import type { ControlId } from "./boundary.ts";

/**
 * `enforced`: the whole claim holds and its claim test goes red without it. `first form`: part of it holds, `note` says
 * which. `not built`: do not rely on it.
 */
export type ControlState = "enforced" | "first form" | "not built";

export interface Control {
  readonly id: ControlId;
  /** What must be true, in one sentence. It is what the control is for, not what `state` already grants. */
  readonly claim: string;
  /** Folders that hold it, or will. */
  readonly rooms: readonly string[];
  /** Path of the test that would fail without it. */
  readonly claimTest: string | null;
  readonly state: ControlState;
  /** What is there in this version, and what is missing. */
  readonly note: string;
}

export const controls: readonly Control[] = [
  {
    id: "runtime",
    claim:
      "Each deployment is a process of its own with its own user, sockets and state; trouble in one leaves the others serving.",
    rooms: ["src/host/supervisor", "src/host/front"],
    claimTest: "claims/runtime.claim.test.ts",
    state: "first form",
    note: "Own process, sockets and state in bubblewrap without a network; own user only as root; memory and processor limits depend on the machine.",
  },
  {
    id: "sandbox",
    claim:
      "Code that an agent runs lives in a named sandbox: no network but one door, no host files, bounded memory, processes, disk and time.",
    rooms: ["src/host/supervisor"],
    claimTest: null,
    state: "not built",
    note: "Agents run no code of their own yet; guest agents and stdio tool servers are not supported.",
  },
  {
    id: "secrets",
    claim:
      "Every credential is sealed under a key of its deployment, opened only for the operation that needs it, and never in an agent's reach.",
    rooms: ["src/controls/vault", "src/host/broker"],
    claimTest: null,
    state: "first form",
    note: "Credentials stay with the broker, which adds them by rule; they lie in a file with mode 0600 and are not yet sealed.",
  },
  {
    id: "admin-access",
    claim: "Every admin surface requires a verified identity and a role.",
    rooms: ["src/controls/access", "src/admin"],
    claimTest: "claims/admin-access.claim.test.ts",
    state: "first form",
    note: "The API takes local tokens with one role each, on loopback only, beside the operator's socket (mode 0600); no identity provider and no console yet.",
  },
  {
    id: "gateway-tokens",
    claim:
      "Service calls carry a token of one deployment with named scopes and an expiry; a token of one deployment is refused by another.",
    rooms: ["src/controls/access"],
    claimTest: null,
    state: "first form",
    note: "One channel token per deployment, kept as a digest and compared in constant time; no expiry and no further scopes yet.",
  },
  {
    id: "data",
    claim:
      "The database, files, configuration, keys and backups of a deployment can be backed up, restored, moved and erased alone.",
    rooms: ["src/targets", "src/admin/deployments"],
    claimTest: null,
    state: "not built",
    note: "State lies in one folder per deployment. The whole state is copied before an upgrade and can be put back; backup, restore, move and erase of one deployment are missing.",
  },
  {
    id: "recon",
    claim:
      "Probes, bursts, slow sweeps and repeated ranges are recognised across all hosts, explained with evidence, and can be blocked everywhere.",
    rooms: ["src/controls/recon", "src/host/front"],
    claimTest: null,
    state: "not built",
    note: "The front writes one access record per request; nothing reads them yet.",
  },
  {
    id: "schemas",
    claim: "Every request and every file is parsed by a schema that refuses unknown keys and names the field at fault.",
    rooms: ["src/controls/manifest", "src/controls/wire", "src/host/front", "src/admin"],
    claimTest: "claims/schemas.claim.test.ts",
    state: "enforced",
    note: "Deployment files, channel requests, operator requests, the API and the front's reading of HTTP.",
  },
  {
    id: "callbacks",
    claim: "Callback addresses are https, public, pinned when dialled, never redirected, and their bodies are signed.",
    rooms: ["src/controls/egress", "src/host/broker"],
    claimTest: null,
    state: "not built",
    note: "There are no callbacks; the same address rules already hold for what an agent may reach.",
  },
  {
    id: "rate-limits",
    claim:
      "Chat, tool calls and spend are limited per user, channel and deployment, before the model is called, surviving restarts.",
    rooms: ["src/controls/limits", "src/gate/ledger", "src/host/front"],
    claimTest: "claims/rate-limits.claim.test.ts",
    state: "first form",
    note: "Messages by user, channel and deployment; calls by user and deployment; tokens and money by day, for all users together.",
  },
  {
    id: "allowlists",
    claim: "A message from a sender, room or workspace that is not listed never reaches the agent.",
    rooms: ["src/controls/access", "src/gate", "src/host/broker"],
    claimTest: "claims/allowlists.claim.test.ts",
    state: "enforced",
    note: "For the API and for signed webhooks: users by name, domain or group, rooms, workspaces; one polite refusal a day.",
  },
  {
    id: "redeploys",
    claim:
      "A deploy shows the authority it adds, growth needs a second look, and a bad release rolls back in one command.",
    rooms: ["src/controls/manifest", "src/host/supervisor"],
    claimTest: "claims/redeploys.claim.test.ts",
    state: "enforced",
    note: "The supervisor computes the difference; growth needs its hash, and people of redeploys.by where the file names them. Overlays are compared the same way and only narrow. What a tool server changes is not in a file: see tools accept.",
  },
  {
    id: "provenance",
    claim:
      "Every value carries where it came from; who, where, which and how much come only from the user, the operator or first-party records.",
    rooms: ["src/controls/provenance"],
    claimTest: null,
    state: "not built",
    note: "Results are stored as labelled values; no decision uses the labels yet.",
  },
  {
    id: "least-privilege",
    claim:
      "Unknown tools do not exist, arguments are bound and narrowed, and records are named views with bound parameters.",
    rooms: ["src/controls/policy", "src/controls/manifest", "src/gate/tools", "src/host/broker"],
    claimTest: "claims/least-privilege.claim.test.ts",
    state: "enforced",
    note: "Tools are pinned by hash; a changed definition is quarantined until an operator accepts it.",
  },
  {
    id: "review",
    claim:
      "Spend, access, publishing and customer impact wait for a person, whose approval fits that exact call alone, once, until it expires.",
    rooms: ["src/controls/approvals", "src/gate/ledger"],
    claimTest: "claims/review.claim.test.ts",
    state: "enforced",
    note: "By role and group, several people, never who asked; by the hash of the exact action, once, expiring; approvers' names are taken on trust.",
  },
  {
    id: "workflow",
    claim:
      "Intent is fixed before untrusted text is read; counts, amounts and destinations have limits; one switch freezes a deployment.",
    rooms: ["src/controls/policy", "src/controls/intent", "src/gate/ledger", "src/host"],
    claimTest: "claims/workflow.claim.test.ts",
    state: "first form",
    note: "Amounts, values, counts and sums are bounded per turn, user and day; policies in Cedar forbid more; unsafe combinations do not deploy; a freeze stops front, broker and Ledger, each alone; intent is missing.",
  },
  {
    id: "probes",
    claim:
      "Injection, exfiltration, authorization bypass, memory leakage and tool escalation are run against the live boundary before launch.",
    rooms: ["src/admin/probes"],
    claimTest: null,
    state: "not built",
    note: "Only the demo's scenes attack the live boundary, with a model that obeys whoever wrote the text.",
  },
  {
    id: "posture",
    claim:
      "Credentials, channels, sources, tools and roles are listed from the live system and become a signed posture document.",
    rooms: ["src/admin/review"],
    claimTest: null,
    state: "not built",
    note: "`ambit check` says what a deployment file lets an agent read, change and expose; nothing is measured or signed.",
  },
  {
    id: "audit",
    claim: "Every decision is in a hash chain outside the agent's reach that can be verified offline.",
    rooms: ["src/controls/audit", "src/gate/ledger", "src/host/broker", "src/host/front", "src/host/supervisor"],
    claimTest: "claims/audit.claim.test.ts",
    state: "enforced",
    note: "Four chains a deployment, one sealed export. The gate holds its own chain: what the broker has signed of it, within a quarter of a second, it cannot rewrite unseen; what is newer it can.",
  },
];
