// How each control is switched off, as data. Nothing in the product can switch a control off; instead the claim is run on
// a copy of this tree in which one text is replaced by another. `find` must stand in the file exactly once, and the claim
// must then fail in a test of its own while its test named `works at all: ...` still passes. Choose the smallest edit that
// removes the control and leaves the rest of the program as it was.
import type { ControlId } from "../src/boundary.ts";

export interface Mutation {
  readonly control: ControlId;
  /** What is missing then, in a few words; one control may have several. */
  readonly name: string;
  /** Path from the root of the tree. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The claim test that must go red: the one of this control in the register. */
  readonly claim: string;
  /** Name of the test in it that must go red; only that one runs, beside those that show that it works at all. */
  readonly red: string;
}

const runtime = { control: "runtime", claim: "claims/runtime.claim.test.ts" } as const;
const schemas = { control: "schemas", claim: "claims/schemas.claim.test.ts" } as const;
const review = { control: "review", claim: "claims/review.claim.test.ts" } as const;
const allowlists = { control: "allowlists", claim: "claims/allowlists.claim.test.ts" } as const;
const workflow = { control: "workflow", claim: "claims/workflow.claim.test.ts" } as const;
const rateLimits = { control: "rate-limits", claim: "claims/rate-limits.claim.test.ts" } as const;
const leastPrivilege = { control: "least-privilege", claim: "claims/least-privilege.claim.test.ts" } as const;

export const mutations: readonly Mutation[] = [
  {
    ...runtime,
    name: "a network of its own",
    red: "a gate has no network but loopback, which leads nowhere",
    file: "src/host/supervisor/sandbox.ts",
    find: `"--unshare-net", `,
    replace: "",
  },
  {
    ...runtime,
    name: "an empty environment",
    red: "a gate has no capability, cannot gain one, and has no environment",
    file: "src/host/supervisor/sandbox.ts",
    find: `"--clearenv", `,
    replace: `"--setenv", "TOKEN", "x", `,
  },
  {
    ...schemas,
    name: "strict messages",
    red: "an unknown key is refused and named",
    file: "src/controls/wire/gate.ts",
    find: "export const messageRequest = z.strictObject({",
    replace: "export const messageRequest = z.object({",
  },
  {
    ...schemas,
    name: "strict decisions",
    red: "a decision with an unknown key is refused and named",
    file: "src/controls/wire/gate.ts",
    find: "export const decisionRequest = z.strictObject({",
    replace: "export const decisionRequest = z.object({",
  },
  {
    ...schemas,
    name: "strict deployment files",
    red: "a release whose manifest has an unknown key is refused, even with the right hash",
    file: "src/controls/manifest/schema.ts",
    find: "export const manifestSchema = z\n  .strictObject({",
    replace: "export const manifestSchema = z\n  .looseObject({",
  },
  {
    ...leastPrivilege,
    name: "bound arguments that the model cannot send",
    red: "a bound argument sent by the model is refused",
    file: "src/controls/policy/rules.ts",
    find: "return bound === undefined ? undefined : badArguments",
    replace: "return bound !== null ? undefined : badArguments",
  },
  {
    ...leastPrivilege,
    name: "arguments checked against the pinned schema",
    red: "a fraction of a cent is refused",
    file: "src/controls/policy/rules.ts",
    find: `  { name: "schema", ask: ({ schema, arguments: args }) => schema.check(args) },\n`,
    replace: "",
  },
  {
    ...leastPrivilege,
    name: "limits of amounts",
    red: "one cent over the limit is refused",
    file: "src/controls/policy/bounds.ts",
    find: "if (value > bound) {",
    replace: "if (value > bound * 1e9) {",
  },
  {
    ...leastPrivilege,
    name: "bound parameters of record views, at the broker",
    red: "a record parameter that the operator bound is refused at the door, without the gate's help",
    file: "src/host/broker/record-parameters.ts",
    find: "if (Object.hasOwn(record.bind, name)) {",
    replace: "if (record.bind === null) {",
  },
  {
    ...leastPrivilege,
    name: "only listed destinations, at the broker",
    red: "a host that is not listed is refused at the door, without the gate's help",
    file: "src/controls/egress/destination.ts",
    find: "if (target.isListed) return allowed(",
    replace: "if (target !== null) return allowed(",
  },
  {
    ...rateLimits,
    name: "messages of one user",
    red: "a user's message over the limit is refused before the model is asked, and another user's is not",
    file: "src/controls/limits/layers.ts",
    find: `layerOf("user", "messages_per_user", limits,`,
    replace: `layerOf("user", "messages_per_user", {} as Limits,`,
  },
  {
    ...rateLimits,
    name: "rates survive a restart",
    red: "a gate that is killed and started again gives no burst back",
    file: "src/gate/ledger/rate-store.ts",
    find: "sql.exec(rateTables);",
    replace: `sql.exec("drop table if exists rates;" + rateTables);`,
  },
  {
    ...rateLimits,
    name: "a repeated message is charged once",
    red: "a message that is sent again under its key is charged once",
    file: "src/gate/ledger/messages.ts",
    find: "if (id !== undefined && this.#wasCharged(id)) return",
    replace: `if (id === "" && this.#wasCharged(id)) return`,
  },
  {
    ...rateLimits,
    name: "model calls are paid before they are made",
    red: "turns at once never cost more than the day's budget, and then no message is taken",
    file: "src/gate/ledger/budget-store.ts",
    find: "this.#add(day, tokens, microUsd);",
    replace: "this.#add(day, 0, 0);",
  },
  {
    ...rateLimits,
    name: "tool calls of one user",
    red: "a call over the user's limit of calls does not run, and the agent is told",
    file: "src/gate/ledger/rates.ts",
    find: "return decision.allowed ? undefined : decision.refusal;",
    replace: "return decision.allowed ? undefined : void decision.refusal;",
  },
  {
    ...runtime,
    name: "a gate that does not answer is ended",
    red: "a gate that spins for ever is ended and started again, while its neighbour serves",
    file: "src/host/supervisor/part-times.ts",
    find: "  probeMs: 3000,",
    replace: "  probeMs: 3_000_000,",
  },
  {
    ...review,
    name: "an approval fits one action",
    red: "an approval of another action than the held one is refused",
    file: "src/gate/ledger/review.ts",
    find: "if (row.actionHash !== decision.actionHash) {",
    replace: "if (row.actionHash === decision.by) {",
  },
  {
    ...review,
    name: "an approval expires",
    red: "nobody's decision is a no: an expired call does not run and cannot be approved any more",
    file: "src/gate/ledger/call-store.ts",
    find: "where state in ('held', 'approved') and expires <= ? limit ?",
    replace: "where state in ('held', 'approved') and expires < 0 * ? limit ?",
  },
  {
    ...review,
    name: "a new release voids what was held",
    red: "a new release voids what was held under the old one, and what was approved of it counts no more",
    file: "src/gate/ledger.ts",
    find: `const voided = this.#review.endAll(() => this.#calls.waiting(batch), "void", Date.now());`,
    replace: "const voided = 0;",
  },
  {
    ...review,
    name: "only people of the role decide",
    red: "whoever is not of the role can neither approve nor deny, and is not told who is",
    file: "src/controls/approvals/vote.ts",
    find: "return requirement.role === null || isListed(",
    replace: "return requirement.role !== by || isListed(",
  },
  {
    ...review,
    name: "who asked does not approve",
    red: "whoever asked cannot approve, in whatever case, and can withdraw",
    file: "src/controls/approvals/vote.ts",
    find: "return personKey(requester) === personKey(by);",
    replace: "return personKey(requester) === by + by;",
  },
  {
    ...review,
    name: "two people where the file asks for two",
    red: "a call that needs two people waits for two different ones",
    file: "src/controls/approvals/vote.ts",
    find: "count: review?.count ?? 1, requester };",
    replace: "count: 1, requester };",
  },
  {
    ...review,
    name: "one person counts once",
    red: "a call that needs two people waits for two different ones",
    file: "src/controls/access/people.ts",
    find: "return bare.toLowerCase().normalize",
    replace: "return bare.normalize",
  },
  {
    ...allowlists,
    name: "only listed senders",
    red: "a sender one step away from a listed one is refused, and the model sees nothing of it",
    file: "src/controls/access/allowlist.ts",
    find: "if (isListed(user, list, groups)) return undefined;",
    replace: "if (isListed(user, list, groups) || channel !== user) return undefined;",
  },
  {
    ...allowlists,
    name: "a domain is that domain",
    red: "a sender one step away from a listed one is refused, and the model sees nothing of it",
    file: "src/controls/access/people.ts",
    find: "rest[0] === domain &&",
    replace: "rest[0]?.endsWith(domain) &&",
  },
  {
    ...allowlists,
    name: "only the case of A to Z is folded",
    red: "a sender one step away from a listed one is refused, and the model sees nothing of it",
    file: "src/controls/access/people.ts",
    find: "name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())",
    replace: "name.toLowerCase()",
  },
  {
    ...allowlists,
    name: "only listed rooms",
    red: "a room that is not listed, or none, is refused, and the model sees nothing of it",
    file: "src/controls/access/allowlist.ts",
    find: `decidePlace("room", sender.room, lists.rooms, channel)`,
    replace: "undefined",
  },
  {
    ...allowlists,
    name: "only listed workspaces",
    red: "a workspace that is not listed, or none, is refused, and the model sees nothing of it",
    file: "src/controls/access/allowlist.ts",
    find: `decidePlace("workspace", sender.workspace, lists.workspaces, channel)`,
    replace: "undefined",
  },
  {
    ...allowlists,
    name: "a stranger is answered once a day",
    red: "a stranger is answered once a day and written down once, also when the gate was killed in between",
    file: "src/gate/ledger/refused-senders.ts",
    find: ".toArray().length > 0) return false;",
    replace: ".toArray().length > 0) return true;",
  },
  {
    ...allowlists,
    name: "only listed senders read",
    red: "whoever is not listed cannot read a turn, not even with its name",
    file: "src/gate/channels/api.ts",
    find: "=> decideSender(user, users, channel, groups));",
    replace: `=> decideSender("amy", users, channel, groups));`,
  },
  {
    ...workflow,
    name: "the freeze of the front",
    red: "frozen at the front alone: nobody reaches it, and its gate is not asked",
    file: "src/host/front/frozen.ts",
    find: "?.isFile() !== true;",
    replace: "?.isFile() === null;",
  },
  {
    ...workflow,
    name: "the freeze of the broker",
    red: "frozen at the broker alone: a gate that ignores the freeze gets nothing out, and heads and outcomes are still told",
    file: "src/host/broker/deployment.ts",
    find: "  isFrozen = false;",
    replace: "  get isFrozen(): boolean {\n    return false;\n  }\n  set isFrozen(_: boolean) {}",
  },
  {
    ...workflow,
    name: "the freeze of the Ledger",
    red: "frozen at the Ledger alone: no message is taken, nobody can approve, and what was held can still be denied",
    file: "src/gate/ledger/freeze.ts",
    find: 'return row ? frozenSince.parse(JSON.parse(String(row["value"]))) : null;',
    replace: "return row === null ? frozenSince.parse(row) : null;",
  },
  {
    ...workflow,
    name: "amounts are added up",
    red: "one cent more than all may pay in a day is refused, whoever asks",
    file: "src/controls/policy/bounds.ts",
    find: "!exceeds(sums[window], value, bound)",
    replace: "!exceeds(0, value, bound)",
  },
  {
    ...workflow,
    name: "calls of a turn are counted",
    red: "the third call of a turn is refused, and the next turn has its own two",
    file: "src/controls/policy/bounds.ts",
    find: "context.used.calls[window] + 1 <= bound",
    replace: `(window === "per_turn" || context.used.calls[window] + 1 <= bound)`,
  },
  {
    ...workflow,
    name: "only the values that the file lists",
    red: "another currency than the one that is allowed is refused",
    file: "src/controls/policy/bounds.ts",
    find: "if (allowed.some((one) => one === value)) continue;",
    replace: "if (allowed.length > 0) continue;",
  },
  {
    ...workflow,
    name: "what is used up outlives the gate",
    red: "a killed gate gives nothing back",
    file: "src/gate/ledger/use-store.ts",
    find: "create table if not exists use_minutes (",
    replace: "drop table if exists use_minutes; create table use_minutes (",
  },
  {
    ...workflow,
    name: "nobody there means no",
    red: "unattended, what needs a person is refused, and the agent is told that nobody is there",
    file: "src/controls/policy/rules.ts",
    find: "if (!context.unattended) return undefined;",
    replace: "if (!context.unattended || call.tool) return undefined;",
  },
  {
    ...workflow,
    name: "the operator's own policies",
    red: "what a policy of the operator forbids does not run, and the agent is told why; what it fails to judge does not either",
    file: "src/controls/policy/decide.ts",
    find: "if (context.overlay && ",
    replace: "if (context.overlay === null && ",
  },
  {
    ...workflow,
    name: "a policy that fails refuses",
    red: "what a policy of the operator forbids does not run, and the agent is told why; what it fails to judge does not either",
    file: "src/controls/policy/cedar-overlay.ts",
    find: "if (fault) return this.#failed(",
    replace: "if (fault === null) return this.#failed(",
  },
];
