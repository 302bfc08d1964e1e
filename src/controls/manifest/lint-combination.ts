// Control `workflow`: what does not deploy because of what it has together, and the mode that is never for production.
import { findCombination } from "./combination.ts";
import type { Finding } from "./lint.ts";
import type { Manifest } from "./schema.ts";

/** An error for each way out that nobody will watch, once this file is enforced, while untrusted text and private data meet. */
export function lintCombination(manifest: Manifest): Finding[] {
  const { untrusted, private: data, unwatched } = findCombination({ ...manifest, mode: "enforce" });
  if (untrusted.length === 0 || data.length === 0) return [];
  return unwatched.map((field) => ({
    level: "error",
    field,
    message:
      `sends data out with nobody watching, while this agent reads text of strangers (${some(untrusted)}) and private data ` +
      `(${some(data)}): let a person decide (review), or bound it (max.per_turn, per_user or per_day, or max, total or only on each authority argument)`,
  }));
}

/** Observe mode is said wherever the file is read. */
export function lintMode({ mode }: Manifest): Finding[] {
  if (mode !== "observe") return [];
  const message = "is observe: what policy would refuse or hold happens all the same; never for production";
  return [{ level: "warning", field: "mode", message }];
}

function some(fields: readonly string[]): string {
  const more = fields.length > 3 ? ` and ${fields.length - 3} more` : "";
  return fields.slice(0, 3).join(", ") + more;
}
