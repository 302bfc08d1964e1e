// Control `schemas`: what YAML allows and a deployment file has no use for. Each is a way to say one thing to a person
// and another to the parser: a key given twice, a tag or a directive that changes what a plain `no` or `4:00` means, a
// value copied from an anchor far away, a key that JavaScript takes for a prototype and every copy loses.
import { isMap, isScalar, visit, type Document, type LineCounter, type Node, type YAMLMap } from "yaml";
import { printable } from "./printable.ts";

/** What is wrong and where; line and column are 1-based. */
export interface YamlFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

const maxAliases = 50;

/** The first thing that makes this document unusable, if any. */
export function findYamlFault(document: Document, lines: LineCounter): YamlFault | undefined {
  const at = (offset: number, message: string): YamlFault => {
    const place = lines.linePos(offset);
    return { line: place.line, column: place.col, message };
  };
  const broken = document.errors[0];
  if (broken) return at(broken.pos[0], `not valid YAML: ${explainError(broken.message)}`);
  if (document.directives?.yaml.version !== "1.2") return at(0, "is read as YAML 1.2: remove the %YAML line");
  const odd = document.warnings[0];
  if (odd) return at(odd.pos[0], `not plain YAML: ${explainError(odd.message)}`);
  return findOddNode(document, at);
}

function explainError(message: string): string {
  if (message.includes("call stack")) return "nested too deeply";
  if (message.includes("multiple documents")) return "more than one document in one file";
  return printable(message, 200);
}

function findOddNode(document: Document, at: (offset: number, message: string) => YamlFault): YamlFault | undefined {
  let fault: YamlFault | undefined;
  let aliases = 0;
  const stop = (offset: number | undefined, message: string): symbol => {
    fault = at(offset ?? 0, message);
    return visit.BREAK;
  };
  visit(document, {
    Alias: (_, alias) => {
      aliases += 1;
      if (aliases > maxAliases) return stop(alias.range?.[0], "too many YAML aliases; write the values out");
      const named = `*${printable(alias.source)}`;
      return alias.resolve(document)
        ? undefined
        : stop(alias.range?.[0], `${named} has no anchor before it; write the value out`);
    },
    Value: (_, node) => {
      if (node.tag !== undefined)
        return stop(node.range?.[0], `YAML tags are not used here: remove ${showTag(node.tag)}`);
      const key = isMap(node) ? findBadKey(node) : undefined;
      return key && stop(key.range?.[0] ?? node.range?.[0], explainKey(key));
    },
  });
  return fault;
}

/** A key that stands twice in its map, or that no object can carry. */
function findBadKey(map: YAMLMap<unknown>): Node | undefined {
  const seen = new Set<unknown>();
  for (const { key } of map.items) {
    if (!isScalar(key)) return key as Node;
    if (key.value === "__proto__" || seen.has(key.value)) return key;
    seen.add(key.value);
  }
  return undefined;
}

function explainKey(key: Node): string {
  if (!isScalar(key)) return "a key must be written out";
  return key.value === "__proto__"
    ? "__proto__ cannot be a key"
    : `the key "${printable(String(key.value))}" stands here twice`;
}

function showTag(tag: string): string {
  return printable(tag.replace("tag:yaml.org,2002:", "!!"));
}
