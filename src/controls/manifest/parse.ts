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

/** One line for a person. */
export function describeProblem(file: string, { line, column, field, message }: FileProblem): string {
  return [`${file}:${line}:${column}`, field, message].filter((part) => part !== "").join(": ");
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
  return parseYaml<ParsedManifest>(
    text,
    { most: maxManifestBytes, hint: "Move long text into the instructions file" },
    (file) => {
      const parsed = manifestSchema.safeParse(file.value, { reportInput: true });
      return parsed.success ? { manifest: parsed.data } : explainIssues(parsed.error, file, manifestSchema);
    },
  );
}

/** A YAML file that was read: its value, and where each of its keys stands. */
export interface YamlFile {
  readonly value: unknown;
  /** Position of the deepest node of `path` that the file really has, 1-based. */
  readonly place: (path: readonly PropertyKey[]) => { readonly line: number; readonly column: number };
}

/** Reads plain YAML of at most `most` bytes and hands it to `parse`. Never throws: what `parse` throws is a nested file. */
export function parseYaml<T>(
  text: string,
  { most, hint }: { readonly most: number; readonly hint: string },
  parse: (file: YamlFile) => T,
): T | { readonly problems: FileProblem[] } {
  // A character is one byte at least: a far too long text is not encoded only to be measured.
  if (text.length > most || new TextEncoder().encode(text).byteLength > most)
    return whole(`the file is over ${most} bytes. ${hint}`);
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { ...options, lineCounter: lines });
    const fault = findYamlFault(document, lines);
    if (fault) return { problems: [{ field: "", ...fault }] };
    const value: unknown = document.toJS({ maxAliasCount: 50 });
    if (value === null || value === undefined) return whole("the file is empty");
    return parse({ value, place: (path) => position(path, document, lines) });
  } catch {
    return whole("not valid YAML: nested too deeply or with too many aliases; write the values out");
  }
}

/** What a schema says against a file, each with its place. */
export function explainIssues(error: z.ZodError, file: YamlFile, schema: z.ZodType): { problems: FileProblem[] } {
  const issues = error.issues.slice(0, maxProblems);
  return { problems: issues.flatMap((issue) => explainIssue(issue, file, schema)).slice(0, maxProblems) };
}

function whole(message: string): { problems: FileProblem[] } {
  return { problems: [{ line: 0, column: 0, field: "", message }] };
}

function explainIssue(issue: z.core.$ZodIssue, file: YamlFile, schema: z.ZodType): FileProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.slice(0, maxProblems).map((key) => {
      const path = [...issue.path, key];
      const guess = closest(key, knownKeys(issue.path, schema));
      const message = `unknown key "${printable(key)}"${guess ? `; did you mean "${guess}"?` : ""}`;
      return { ...file.place(path), field: dotted(path), message };
    });
  }
  const { path } = issue;
  return [{ ...file.place(path), field: dotted(path), message: explain(issue) }];
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
function knownKeys(path: readonly PropertyKey[], schema: z.ZodType): string[] {
  let at: unknown = schema;
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

/** A path as people write it. */
export function dotted(path: readonly PropertyKey[]): string {
  return path.map((step) => printable(String(step))).join(".");
}
