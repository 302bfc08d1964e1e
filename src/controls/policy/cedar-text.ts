// Control `workflow`: the text of `policy.cedar`, cut into policies and measured before Cedar reads it. Cedar's parser and
// evaluator recurse on nesting and on chains of operators, on a stack of 1 MB: 130 brackets or 360 operators in one policy
// overrun it, and the instance is of no use from then on. Whoever hands an operator a policy file would like that.

/** Measured with the package's 4.13.0: 115 brackets inside one another or a chain of 353 are the first that break it. */
const most = { chars: 65_536, policies: 500, depth: 24, operators: 150 } as const;

export interface PolicyPart {
  readonly text: string;
  /** Where it begins in the file, characters. */
  readonly offset: number;
}

export interface TextFault {
  readonly offset: number;
  readonly message: string;
}

/** Cedar's comments, texts and words; anything else is one character. A comment ends at the first line break of any kind. */
const token = /\/\/[^\n\r]*|"(?:\\[^]|[^"\\])*"|[A-Za-z_][A-Za-z0-9_]*|&&|\|\||[^]/g;
const openers = new Set(["(", "[", "{"]);
const closers = new Set([")", "]", "}"]);
const operators = new Set(["&&", "||", "+", "-", "*", "!", ".", "if", "when", "unless"]);

/** One policy each, or the first thing that is too much. Whether it is Cedar at all is for Cedar to say. */
export function splitPolicies(text: string): PolicyPart[] | TextFault {
  if (text.length > most.chars) {
    return { offset: 0, message: `has ${text.length} characters; at most ${most.chars} are checked and used` };
  }
  const parts: PolicyPart[] = [];
  let begin = 0;
  let depth = 0;
  let weight = 0;
  let isBlank = true;
  for (const { 0: word, index } of text.matchAll(token)) {
    if (word.startsWith("//") || /^\s+$/.test(word)) continue;
    if (word === `"`) return { offset: index, message: "this text is not closed" };
    isBlank = false;
    if (openers.has(word) && ++depth > most.depth) {
      return { offset: index, message: `more than ${most.depth} brackets inside one another; split the policy` };
    }
    if (closers.has(word)) depth--;
    if ((openers.has(word) || operators.has(word)) && ++weight > most.operators) {
      const message = `more than ${most.operators} operators, dots and brackets in one policy; split it`;
      return { offset: index, message };
    }
    if (word !== ";") continue;
    parts.push({ text: text.slice(begin, index + 1), offset: begin });
    if (parts.length > most.policies) return { offset: index, message: `has more than ${most.policies} policies` };
    [begin, depth, weight, isBlank] = [index + 1, 0, 0, true];
  }
  if (!isBlank) parts.push({ text: text.slice(begin), offset: begin });
  return parts;
}

/** Line and column, from 1, of a character. */
export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** Characters before the byte `bytes` of the UTF-8 of `text`. */
export function charsBefore(text: string, bytes: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, bytes)).length;
}
