// Control `workflow`: the operator's own rules in Cedar, as an overlay that only narrows. Cedar skips a policy that fails, and
// a forbid that is skipped allows: so only a clean allow is one, and an error, a value that does not fit or a broken wasm is
// a refusal. A permit of the file cannot widen anything: everything is permitted here that the built-in rules let through.
import type { JsonObject, Refusal } from "../../boundary.ts";
import { printable } from "../manifest/printable.ts";
import type { Manifest } from "../manifest/schema.ts";
import type { CedarApi } from "./cedar-api.ts";
import { toCedar } from "./cedar-arguments.ts";
import { policyFile, type CedarPolicy } from "./cedar-policies.ts";
import { buildSchema, groupsOf, type CedarTool } from "./cedar-schema.ts";
import type { Overlay, OverlayInput } from "./overlay.ts";

/** Arguments that policies speak of, characters of JSON of one call: matching a `like` takes the product of both lengths. */
const maxJudgedChars = 8192;
const typeWords: Readonly<Record<string, string>> = {
  ...{
    String: "text",
    Long: "whole number",
    Boolean: "true or false",
    decimal: "number of four digits after the point",
  },
};
const permitAll = "permit(principal, action, resource);";

export interface CedarOverlayParts {
  readonly api: CedarApi;
  /** Where the package keeps the parsed policies, for good: one for each overlay of a process. */
  readonly id: string;
  readonly manifest: Manifest;
  readonly policies: readonly CedarPolicy[];
  readonly tools: readonly CedarTool[];
}

/** Parses the policies once. Throws when they cannot be used; `checkPolicies` says why beforehand. */
export function openCedarOverlay(parts: CedarOverlayParts): Overlay {
  const { api, id, manifest, policies } = parts;
  const tools = onlyJudged(parts);
  const parsed = [
    api.preparseSchema(id, buildSchema(manifest, tools, "String")),
    api.preparsePolicySet(id, policySet(policies)),
    // What speaks of approvals is asked when there are some.
    api.preparsePolicySet(beforeApproval(id), policySet(policies.filter((policy) => !policy.isAboutApprovals))),
  ];
  for (const answer of parsed) if (answer.type === "failure") throw new Error(answer.errors[0]?.message ?? "no reason");
  return new CedarOverlay({ ...parts, tools });
}

/** Only arguments that some policy speaks of have to fit. */
function onlyJudged({ tools, policies }: CedarOverlayParts): CedarTool[] {
  const isJudged = (name: string) => policies.some(({ names }) => names.has(name));
  return tools.map((tool) => ({ ...tool, arguments: tool.arguments.filter(({ name }) => isJudged(name)) }));
}

function policySet(policies: readonly CedarPolicy[]) {
  const own = policies.map(({ key, text }) => [key, text]);
  return { staticPolicies: Object.fromEntries([["all", permitAll], ...own]) as Record<string, string> };
}

function beforeApproval(id: string): string {
  return `${id} before approval`;
}

class CedarOverlay implements Overlay {
  readonly #parts: CedarOverlayParts;
  readonly #file: string;

  constructor(parts: CedarOverlayParts) {
    this.#parts = parts;
    this.#file = policyFile(parts.manifest);
  }

  decide(input: OverlayInput): Refusal | undefined {
    const { server, tool } = input;
    const named = this.#parts.tools.find((one) => one.server === server && one.tool === tool);
    if (!named) return this.#failed(`it knows no tool "${printable(tool)}"`);
    const judged = this.#judgedArguments(named, input.arguments);
    if ("refusal" in judged) return judged.refusal;
    try {
      return this.#ask(input, judged.args);
    } catch (thrown) {
      return this.#failed(`Cedar broke off: ${thrown instanceof Error ? thrown.message : "no reason"}`);
    }
  }

  #judgedArguments(tool: CedarTool, given: JsonObject): { readonly args: JsonObject } | { readonly refusal: Refusal } {
    const args: JsonObject = {};
    for (const { name, type } of tool.arguments) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      if (value === undefined || value === null) continue;
      const made = type && toCedar(value, type);
      if (made === undefined) {
        const refusal = this.#failed(
          `argument "${name}" is no ${typeWords[type ?? ""] ?? "list"} that a policy can judge`,
          name,
        );
        return { refusal };
      }
      args[name] = made;
    }
    if (JSON.stringify(args).length <= maxJudgedChars) return { args };
    const message = `the arguments that it speaks of are over ${maxJudgedChars} characters, too long to judge`;
    return { refusal: this.#failed(message) };
  }

  #ask(input: OverlayInput, args: JsonObject): Refusal | undefined {
    const { api, id, manifest } = this.#parts;
    const { channel, effect, impact, approvals } = input;
    const { per_turn: turn_calls, per_user: user_calls, per_day: day_calls } = input.used.calls;
    const user = foldName(input.user);
    const principal = { type: "User", id: user };
    const answer = api.statefulIsAuthorized({
      principal,
      action: { type: "Action", id: input.tool },
      resource: { type: "Server", id: input.server },
      context: {
        args,
        user,
        channel,
        ...{ effect, impact, turn_calls, user_calls, day_calls },
        approvals: (approvals ?? []).map(foldName),
        approved: approvals?.length ?? 0,
      },
      preparsedSchemaName: id,
      preparsedPolicySetId: approvals ? id : beforeApproval(id),
      validateRequest: true,
      entities: [
        { uid: principal, attrs: {}, parents: groupsOf(user, manifest).map((group) => ({ type: "Group", id: group })) },
      ],
    });
    if (answer.type === "failure") return this.#failed(answer.errors[0]?.message ?? "Cedar gave no reason");
    const { decision, diagnostics } = answer.response;
    const forbids = this.#parts.policies.filter(({ key, isPermit }) => !isPermit && diagnostics.reason.includes(key));
    if (decision === "deny" && forbids[0]) return this.#forbidden(forbids[0]);
    const [fault] = diagnostics.errors;
    if (fault) return this.#failed(`${this.#nameOf(fault.policyId)} failed: ${fault.error.message}`);
    return decision === "allow" ? undefined : this.#failed("Cedar gave no reason");
  }

  #forbidden({ id, line, reason }: CedarPolicy): Refusal {
    const words = reason ? `: ${reason}` : "; it gives no @reason";
    const message = `forbidden by policy "${id}" (${this.#file}:${line})${words}`;
    return { control: "workflow", reason: "forbidden_by_policy", message, field: "policy.cedar" };
  }

  #failed(why: string, field = "policy.cedar"): Refusal {
    const message = `${this.#file} could not be applied, so the call is refused: ${printable(why, 300)}`;
    return { control: "workflow", reason: "policy_failed", message, field };
  }

  #nameOf(key: string): string {
    const policy = this.#parts.policies.find((one) => one.key === key);
    return policy ? `policy "${policy.id}" (line ${policy.line})` : "a policy";
  }
}

/** People compare without the case of A to Z; in policies their names are in lower case. */
function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).toWellFormed();
}
