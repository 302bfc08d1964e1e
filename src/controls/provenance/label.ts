// Control `provenance`, seam: every value a tool delivers is kept with where it came from. In this version the label is
// the contract's default or the one it names per field; nothing decides on it yet. What the contract does not name is
// untrusted: a label is given by who wrote the contract, never by how a value looks.
import type { Json, LabelledValue, Origin } from "../../boundary.ts";

const maxValues = 500;
const maxDepth = 8;

/** Labels the leaves of a result; `source` is `turn/step/callId`. Values past the first 500 carry the default label. */
export function labelResult(
  value: Json,
  returns: { readonly [field: string]: Origin },
  fallback: Origin,
  source: string,
): LabelledValue[] {
  const labelled: LabelledValue[] = [];
  walk(value, "$", fallback, 0);
  return labelled;

  function walk(node: Json, path: string, origin: Origin, depth: number): void {
    if (labelled.length >= maxValues) return;
    if (depth > maxDepth || node === null || typeof node !== "object") {
      const kept = typeof node === "object" ? null : node;
      labelled.push({ path, origin, source, value: typeof kept === "string" ? kept.slice(0, 200) : kept });
      return;
    }
    for (const [key, child] of Object.entries(node)) {
      const named = Array.isArray(node) ? undefined : Object.hasOwn(returns, key) ? returns[key] : undefined;
      walk(child, `${path}.${key}`, named ?? origin, depth + 1);
    }
  }
}
