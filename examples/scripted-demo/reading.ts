// How the scripted model reads what a tool returned. A gate may hand results over as JSON, as JSON inside text or inside
// MCP content blocks, or with words around them; a credulous model makes sense of all of these. An attacker's words can
// stand in any of them, keys included, so nothing that is text is left out. Depth and number of nodes are bounded.
import type { JsonObject } from "./chat.ts";

const maxDepth = 12;
const maxNodes = 50_000;

/**
 * Every text inside a tool result: the result itself unless it is JSON, and each string and key of the JSON in it. A
 * string that is JSON again stands for what is in it.
 */
export function textsIn(result: string): string[] {
  const texts: string[] = [];
  const { value, isWhole } = parseLoosely(result);
  if (!isWhole) texts.push(result);
  walk(value, (node) => {
    if (typeof node === "string") texts.push(node);
    else if (isObject(node)) texts.push(...Object.keys(node));
  });
  return texts;
}

/** Every object inside a tool result that has all of `keys`, outermost first. */
export function recordsIn(result: string, keys: readonly string[]): JsonObject[] {
  const records: JsonObject[] = [];
  walk(parseLoosely(result).value, (node) => {
    if (isObject(node) && keys.every((key) => Object.hasOwn(node, key))) records.push(node);
  });
  return records;
}

function isObject(node: unknown): node is JsonObject {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}

function parseLoosely(text: string): { value: unknown; isWhole: boolean } {
  const whole = tryParse(text);
  if (whole !== undefined) return { value: whole, isWhole: true };
  const start = text.search(/[[{]/);
  const end = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]"));
  return { value: start >= 0 && end > start ? tryParse(text.slice(start, end + 1)) : undefined, isWhole: false };
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function walk(root: unknown, visit: (node: unknown) => void): void {
  let budget = maxNodes;
  const enter = (node: unknown, depth: number): void => {
    if (depth > maxDepth || budget <= 0 || node === undefined) return;
    budget -= 1;
    const inner = typeof node === "string" && /^\s*[[{"]/.test(node) ? tryParse(node) : undefined;
    if (inner !== undefined) return enter(inner, depth + 1);
    visit(node);
    if (typeof node === "object" && node !== null) for (const child of Object.values(node)) enter(child, depth + 1);
  };
  enter(root, 0);
}
