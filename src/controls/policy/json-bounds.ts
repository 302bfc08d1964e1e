// Control `least-privilege`: is this a JSON value that the rest of the house can carry? An attacker sends what
// `JSON.parse` lets through and something later stumbles over: nesting that ends the stack, `1e999` (Infinity), half a
// surrogate pair (RFC 8785 section 3.2.2.2 refuses both), or a member named `__proto__`. Found here, it is one refusal;
// found later, it is an exception in the middle of a transaction.

/** What is wrong and where, as a dotted path below the value that was looked at. */
export interface Fault {
  readonly field: string;
  readonly message: string;
}

export interface JsonLimits {
  /** Characters of all texts and names together, plus one for each value. */
  readonly chars: number;
  /** Levels of objects and arrays. */
  readonly depth: number;
}

/** The first thing that cannot be carried, if any. The work is bounded by `limits`, whatever the value holds. */
export function findJsonFault(value: unknown, limits: JsonLimits): Fault | undefined {
  let left = limits.chars;
  return look(value, "", limits.depth);

  function look(node: unknown, field: string, depth: number): Fault | undefined {
    left -= typeof node === "string" ? node.length + 1 : 1;
    if (left < 0) return { field, message: "is too long" };
    if (typeof node === "string") return node.isWellFormed() ? undefined : { field, message: "holds half a character" };
    if (typeof node === "number") return Number.isFinite(node) ? undefined : { field, message: "is not a number" };
    if (node === null || typeof node === "boolean") return undefined;
    if (typeof node !== "object") return { field, message: "is not JSON" };
    if (depth === 0) return { field, message: "is nested too deeply" };
    return lookInside(node, field, depth - 1);
  }

  function lookInside(node: object, field: string, depth: number): Fault | undefined {
    const isList = Array.isArray(node);
    if (isList && node.length > left) return { field, message: "is too long" };
    for (const [key, child] of Object.entries(node)) {
      if (!isList) left -= key.length;
      if (key === "__proto__" || !key.isWellFormed()) return { field, message: "has a member with a forbidden name" };
      const fault = look(child, joinPath(field, key), depth);
      if (fault) return fault;
    }
    return undefined;
  }
}

/** `a` and `b` as `a.b`; the top has no name. */
export function joinPath(field: string, key: string | number): string {
  return field === "" ? String(key) : `${field}.${key}`;
}
