// Control `schemas`: unknown text to a typed deployment file, or a list of problems that each name the line, the field
// and the fix. An attacker hands over a huge or cyclic file, a duplicate key, an anchor bomb or a near-miss key that a
// lenient parser would drop; each is an error here and nothing is guessed.
import { LineCounter, parseDocument, isMap, isScalar, type Document, type Node, type Pair } from "yaml";
import type { z } from "zod";
import { closest } from "./closest.ts";
import { manifestSchema, maxManifestBytes, type Manifest } from "./schema.ts";

/** One thing wrong with a file. `line` and `column` are 1-based; 0 when the file as a whole is at fault. */
export interface FileProblem {
  readonly line: number;
  readonly column: number;
  readonly field: string;
  readonly message: string;
}

export type ParsedManifest = { readonly manifest: Manifest } | { readonly problems: FileProblem[] };

const maxProblems = 20;

/** Parses the text of an `agent.yaml` (YAML 1.2, of which JSON is a subset). Never throws. */
export function parseManifest(text: string): ParsedManifest {
  const size = new TextEncoder().encode(text).byteLength;
  if (size > maxManifestBytes) {
    return whole(`the file has ${size} bytes; at most ${maxManifestBytes} are read. Move long text into instructions`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: "1.2", stringKeys: true });
  const broken = document.errors[0];
  if (broken) {
    const at = lines.linePos(broken.pos[0]);
    const said = broken.message.split(" at line")[0] ?? broken.message;
    return { problems: [{ line: at.line, column: at.col, field: "", message: `not valid YAML: ${said}` }] };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 50 });
  } catch {
    return whole("too many YAML aliases; write the values out");
  }
  const parsed = manifestSchema.safeParse(value, { reportInput: true });
  if (parsed.success) return { manifest: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => explainIssue(issue, document, lines));
  return { problems: problems.slice(0, maxProblems) };
}

function whole(message: string): ParsedManifest {
  return { problems: [{ line: 0, column: 0, field: "", message }] };
}

function explainIssue(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): FileProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const guess = closest(key, knownKeys(issue.path));
      const message = `unknown key "${key}"${guess ? `; did you mean "${guess}"?` : ""}`;
      return { ...position(path, document, lines), field: dotted(path), message };
    });
  }
  if (issue.code === "invalid_key" && issue.issues[0]) {
    const path = issue.path;
    return [{ ...position(path, document, lines), field: dotted(path), message: `bad name: ${issue.issues[0].message}` }];
  }
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  const message = missing ? "is missing" : issue.message.replace(/^Invalid input: /, "");
  return [{ ...position(issue.path, document, lines), field: dotted(issue.path), message }];
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
  return path.map(String).join(".");
}
