// Control `schemas`: unknown text to a typed deployment file, or a list of problems that each name the line, the field
// and the fix. An attacker hands over a huge or cyclic file, a duplicate key, an anchor bomb or a near-miss key that a
// lenient parser would drop; each is an error here and nothing is guessed.
import { LineCounter, parseDocument, isMap, isScalar, type Document, type Node, type Pair } from "yaml";
import type { z } from "zod";
import { closest } from "./closest.ts";
import { printable } from "./printable.ts";
import { manifestSchema, maxManifestBytes, type Manifest } from "./schema.ts";
import { findYamlFault } from "./yaml-faults.ts";

/** One thing wrong with a file. `line` and `column` are 1-based; 0 when the file as a whole is at fault. */
export interface FileProblem {
  readonly line: number;
  readonly column: number;
  readonly field: string;
  readonly message: string;
}

export type ParsedManifest = { readonly manifest: Manifest } | { readonly problems: FileProblem[] };

const maxProblems = 20;

/**
 * Duplicate keys are looked for afterwards, by us: the parser compares each key with each (20 s for 30,000 keys). And it
 * would write an excerpt of the file for each of 100,000 errors (15 s), of which one is shown.
 */
const options = { uniqueKeys: false, prettyErrors: false, version: "1.2", stringKeys: true } as const;

/** Parses the text of an `agent.yaml` (YAML 1.2, of which JSON is a subset). Never throws. */
export function parseManifest(text: string): ParsedManifest {
  // A character is one byte at least: a far too long text is not encoded only to be measured.
  if (text.length > maxManifestBytes || new TextEncoder().encode(text).byteLength > maxManifestBytes) {
    return whole(`the file is over ${maxManifestBytes} bytes. Move long text into the instructions file`);
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { ...options, lineCounter: lines });
    const fault = findYamlFault(document, lines);
    if (fault) return { problems: [{ field: "", ...fault }] };
    return parseValue(document.toJS({ maxAliasCount: 50 }), document, lines);
  } catch {
    return whole("not valid YAML: nested too deeply or with too many aliases; write the values out");
  }
}

function parseValue(value: unknown, document: Document, lines: LineCounter): ParsedManifest {
  if (value === null || value === undefined) return whole("the file is empty");
  const parsed = manifestSchema.safeParse(value, { reportInput: true });
  if (parsed.success) return { manifest: parsed.data };
  const issues = parsed.error.issues.slice(0, maxProblems);
  return { problems: issues.flatMap((issue) => explainIssue(issue, document, lines)).slice(0, maxProblems) };
}

function whole(message: string): ParsedManifest {
  return { problems: [{ line: 0, column: 0, field: "", message }] };
}

function explainIssue(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): FileProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.slice(0, maxProblems).map((key) => {
      const path = [...issue.path, key];
      const guess = closest(key, knownKeys(issue.path));
      const message = `unknown key "${printable(key)}"${guess ? `; did you mean "${guess}"?` : ""}`;
      return { ...position(path, document, lines), field: dotted(path), message };
    });
  }
  const { path } = issue;
  return [{ ...position(path, document, lines), field: dotted(path), message: explain(issue) }];
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_key" && issue.issues[0]) return `bad name: ${issue.issues[0].message}`;
  if (issue.input === undefined) return "is missing";
  return issue.message.replace(/^Invalid input: /, "").replace("expected record", "expected object");
}

/** Position of the deepest node of `path` that the file really has. */
function position(path: readonly PropertyKey[], document: Document, lines: LineCounter) {
  for (let length = path.length; length >= 0; length--) {
    const offset = offsetOf(path.slice(0, length), document);
    if (offset !== undefined) {
      const at = lines.linePos(offset);
      return { line: at.line, column: at.col };
    }
  }
  return { line: 0, column: 0 };
}

function offsetOf(path: readonly PropertyKey[], document: Document): number | undefined {
  const last = path.at(-1);
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  if (last === undefined) return (document.contents as Node | null)?.range?.[0];
  if (isMap(parent)) {
    const pair = parent.items.find((item: Pair) => isScalar(item.key) && item.key.value === last);
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  return (document.getIn([...path], true) as Node | undefined)?.range?.[0];
}

/** Keys the schema knows at `path`, for the suggestion. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = manifestSchema;
  for (const step of path) at = memberOf(at, String(step));
  const shape = (unwrap(at) as { shape?: Record<string, unknown> } | undefined)?.shape;
  return shape ? Object.keys(shape) : [];
}

interface Wrapped {
  readonly def?: { innerType?: unknown; valueType?: unknown; element?: unknown };
  readonly shape?: Record<string, unknown>;
}

function unwrap(schema: unknown): unknown {
  const inner = (schema as Wrapped | undefined)?.def?.innerType;
  return inner === undefined ? schema : unwrap(inner);
}

function memberOf(schema: unknown, key: string): unknown {
  const at = unwrap(schema) as Wrapped | undefined;
  return at?.shape?.[key] ?? at?.def?.valueType ?? at?.def?.element;
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map((step) => printable(String(step))).join(".");
}
