// Control `workflow`: the policy file of a release, checked before any host sees it. The servers are not asked here, so what
// type their arguments have is not known yet: a gate checks that with the pinned schemas, and its word counts.
import * as api from "@cedar-policy/cedar-wasm/nodejs";
import type { Release } from "../controls/manifest/release.ts";
import { checkPolicies, describeFinding, parsePolicies, policyFile } from "../controls/policy/cedar-policies.ts";
import { listTools } from "../controls/policy/cedar-schema.ts";
import { CommandError } from "./arguments.ts";

/** Lines to print about the policies of a release. Throws CommandError with one line for each fault. */
export function checkPolicyFile({ manifest, policy }: Release): string[] {
  const text = policy ?? "";
  const found = checkPolicies(
    api,
    text,
    manifest,
    listTools(manifest, () => undefined),
  );
  const lines = (level: "error" | "warning") =>
    found.filter((one) => one.level === level).map((one) => describeFinding(manifest, one));
  const [errors, warnings] = [lines("error"), lines("warning")];
  if (errors.length > 0) throw new CommandError(errors.join("\n"));
  const policies = parsePolicies(api, text);
  const count = Array.isArray(policies) ? policies.length : 0;
  return [
    ...warnings.map((line) => `warning: ${line}`),
    `${policyFile(manifest)}: ${count} ${count === 1 ? "policy fits" : "policies fit"} this file; the types of arguments are checked by deploy, which asks the servers`,
  ];
}
