// Control `workflow`: what a policy speaks of, read from its parsed form. Two things follow from it: an argument that no policy
// speaks of need not fit Cedar's types, and a policy that speaks of approvals can only be asked when there are some. So a
// policy that takes a record as a whole, where nobody can say what it speaks of, is a fault.
import type { Json, JsonObject } from "../../boundary.ts";

export interface PolicyNames {
  /** Every member that is read anywhere in the policy, of whatever. */
  readonly names: ReadonlySet<string>;
  readonly isAboutApprovals: boolean;
}

const whole = "takes context or context.args as a whole; name its members, such as context.args.NAME";

/** Reads a policy in Cedar's JSON form; `fault` says why it may not stand. */
export function readNames(policy: JsonObject): PolicyNames & { readonly fault?: string } {
  const names = new Set<string>();
  const faults: string[] = [];
  visit({ ...policy, annotations: null }, false);
  const isAboutApprovals = names.has("approvals") || names.has("approved");
  return { names, isAboutApprovals, ...(faults[0] === undefined ? {} : { fault: faults[0] }) };

  /** `isRead` when the parent reads a member of this node. */
  function visit(node: Json, isRead: boolean): void {
    if (Array.isArray(node)) return node.forEach((item) => visit(item, false));
    if (typeof node !== "object" || node === null) return;
    if (node["type"] === "User" && typeof node["id"] === "string") checkUser(node["id"]);
    if (!isRead && (node["Var"] === "context" || isArgs(node["."]))) faults.push(whole);
    for (const [key, value] of Object.entries(node)) {
      const { left, attr } = asObject(value);
      if ((key !== "." && key !== "has") || left === undefined) {
        visit(value, false);
        continue;
      }
      for (const name of [attr ?? ""].flat()) names.add(String(name));
      visit(left, true);
    }
  }

  function checkUser(id: string): void {
    if (/[A-Z]/.test(id)) faults.push(`names of people are in lower case here: write User::"${id.toLowerCase()}"`);
  }
}

function isArgs(read: Json | undefined): boolean {
  const { left, attr } = asObject(read ?? null);
  return attr === "args" && asObject(left ?? null)["Var"] === "context";
}

function asObject(value: Json): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
