// Control `provenance`, seam: every value a tool delivers is kept with where it came from. In this version the label is
// the contract's default or the one it names per field; nothing decides on it yet. What the contract does not name is
// untrusted: a label is given by who wrote the contract, never by how a value looks. An attacker who fills a field that
// is named untrusted would like to nest a member in it whose name is trusted elsewhere: below such a field all is untrusted.
import type { Json, LabelledValue, Origin } from "../../boundary.ts";

const maxValues = 500;
const maxDepth = 8;

/**
 * Labels the leaves of a result; `source` is `turn/step/callId`. A field is named by its key at any depth. Only the first
 * 500 leaves are labelled: whoever reads the labels has to take a value without one for untrusted.
 */
export function labelResult(
  value: Json,
  returns: { readonly [field: string]: Origin },
  fallback: Origin,
  source: string,
): LabelledValue[] {
  const labelled: LabelledValue[] = [];
  walk(value, "$", fallback, false, 0);
  return labelled;

  function walk(node: Json, path: string, origin: Origin, isTainted: boolean, depth: number): void {
    if (labelled.length >= maxValues) return;
    if (depth > maxDepth || node === null || typeof node !== "object") {
      const kept = typeof node === "object" ? null : node;
      labelled.push({ path, origin, source, value: typeof kept === "string" ? kept.slice(0, 200) : kept });
      return;
    }
    for (const [key, child] of Object.entries(node)) {
      const isNamed = !isTainted && !Array.isArray(node) && Object.hasOwn(returns, key);
      const named = isNamed ? returns[key] : undefined;
      walk(child, `${path}.${key}`, named ?? origin, isTainted || named === "untrusted", depth + 1);
    }
  }
}
