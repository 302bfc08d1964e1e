// Control `least-privilege`: the regular expressions of a tool's schema, matched without backtracking. The tool server
// chooses the pattern and whoever steers the model chooses the text: on a backtracking engine thirty characters of each
// spin a gate for hours (CWE-1333). Here all ways to match are walked side by side, so the work is at most the states of
// the pattern times the characters of the text, and each step of it is counted.

/** Work that may still be done; below zero it is used up. */
export interface Meter {
  left: number;
}

export interface Pattern {
  /** Whether the pattern matches anywhere in `text`. The answer means nothing once `meter` is used up. */
  matches(text: string, meter: Meter): boolean;
}

const maxPatternChars = 500;

/** Why the text of a pattern is refused, if it is: no regular expression, or one that needs backtracking. */
export function findPatternFault(pattern: string): string | undefined {
  if (pattern.length > maxPatternChars) return `has a pattern over ${maxPatternChars} characters`;
  const shown = `has the pattern ${JSON.stringify(pattern.slice(0, 80))}`;
  const bare = pattern.replace(/\\[^1-9k]/gu, "a").replace(/\[(?:[^\]\\]|\\.)*\]/gu, "a");
  if (/\\[1-9k]|\(\?(?!:)/u.test(bare)) return `${shown}, with a back-reference, look-around or named group`;
  try {
    new RegExp(pattern, "u");
  } catch {
    return `${shown}, which is not a regular expression (ECMAScript, flag u)`;
  }
  return undefined;
}

/** Parses a pattern, or says why not. `states` is what all patterns of one schema may use together. */
export function parsePattern(pattern: string, states: Meter): Pattern | string {
  const fault = findPatternFault(pattern);
  if (fault) return fault;
  const program = compile(parseNodes(pattern), states);
  if (states.left < 0) return `has patterns that are too large, such as ${JSON.stringify(pattern.slice(0, 80))}`;
  return { matches: (text, meter) => run(program, text, meter) };
}

type Node =
  | { readonly kind: "atom"; readonly source: string }
  | { readonly kind: "assertion"; readonly source: string }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "choice"; readonly items: readonly Node[] }
  | { readonly kind: "repeat"; readonly item: Node; readonly low: number; readonly high: number };

const groupStart = /\((?:\?:)?/y;
const assertion = /[\^$]|\\[bB]/y;
const quantifier = /(?:([*+?])|\{(\d+)(,(\d*))?\})\??/y;
/** One character to match: a class, an escape, or the character itself. */
const atom =
  /\[(?:\\[^]|[^\]\\])*\]|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u\{[\da-fA-F]+\}|\\u[\da-fA-F]{4}|\\x[\da-fA-F]{2}|\\c[a-zA-Z]|\\[pP]\{[^}]*\}|\\?[^]/uy;

/** The tree of a pattern that `findPatternFault` let through: its syntax is known to be good. */
function parseNodes(source: string): Node {
  let at = 0;
  return choice();

  function take(shape: RegExp): RegExpExecArray | null {
    shape.lastIndex = at;
    const found = shape.exec(source);
    if (found) at = shape.lastIndex;
    return found;
  }

  function choice(): Node {
    const items = [sequence()];
    while (source[at] === "|") {
      at += 1;
      items.push(sequence());
    }
    return { kind: "choice", items };
  }

  function sequence(): Node {
    const items: Node[] = [];
    while (at < source.length && source[at] !== "|" && source[at] !== ")") items.push(quantified(single()));
    return { kind: "sequence", items };
  }

  function single(): Node {
    if (take(groupStart)) {
      const inner = choice();
      at += 1;
      return inner;
    }
    const place = take(assertion)?.[0];
    if (place !== undefined) return { kind: "assertion", source: place };
    return { kind: "atom", source: take(atom)?.[0] ?? "" };
  }

  function quantified(item: Node): Node {
    const found = take(quantifier);
    if (!found) return item;
    const [, sign, least, comma, most] = found;
    if (sign) return { kind: "repeat", item, low: sign === "+" ? 1 : 0, high: sign === "?" ? 1 : Infinity };
    const high = comma === undefined ? Number(least) : most ? Number(most) : Infinity;
    return { kind: "repeat", item, low: Number(least), high };
  }
}

type State =
  | { readonly kind: "atom"; readonly test: (character: string) => boolean; readonly next: number }
  | { readonly kind: "assertion"; readonly source: string; readonly next: number }
  | { readonly kind: "split"; readonly next: number[] }
  | { readonly kind: "match" };

/** States, the last one being where to start. Once `limit` is used up the result is nonsense. */
function compile(root: Node, limit: Meter): readonly State[] {
  const states: State[] = [{ kind: "match" }];
  const tests = new Map<string, (character: string) => boolean>();
  add({ kind: "split", next: [build(root, 0)] });
  return states;

  function add(state: State): number {
    return states.push(state) - 1;
  }

  /** Adds what matches `node` and goes on at `next`; returns where it begins. */
  function build(node: Node, next: number): number {
    limit.left -= 1;
    if (limit.left < 0) return next;
    if (node.kind === "sequence") return node.items.reduceRight((after, item) => build(item, after), next);
    if (node.kind === "choice") return add({ kind: "split", next: node.items.map((item) => build(item, next)) });
    if (node.kind === "repeat") return repeat(node.item, node.low, node.high, next);
    const { kind, source } = node;
    if (kind === "assertion") return add({ kind, source, next });
    const test = tests.get(source) ?? testOf(source);
    tests.set(source, test);
    return add({ kind, test, next });
  }

  function repeat(item: Node, low: number, high: number, next: number): number {
    let start = next;
    if (high === Infinity) {
      const loop: number[] = [];
      start = add({ kind: "split", next: loop });
      loop.push(build(item, start), next);
    } else {
      for (let n = low; n < high && limit.left >= 0; n++)
        start = add({ kind: "split", next: [build(item, start), next] });
    }
    for (let n = 0; n < low && limit.left >= 0; n++) start = build(item, start);
    return start;
  }
}

/** One character is put to the engine's own matcher, which then has nothing to go back to. */
function testOf(source: string): (character: string) => boolean {
  const shape = new RegExp(`^(?:${source})$`, "u");
  return (character) => shape.test(character);
}

function run(states: readonly State[], text: string, meter: Meter): boolean {
  const seen = new Int32Array(states.length);
  let waiting: number[] = [];
  let before = "";
  let at = 0;
  for (let round = 1; ; round++) {
    const after = at < text.length ? String.fromCodePoint(text.codePointAt(at) ?? 0) : "";
    const stack = [...waiting, states.length - 1];
    waiting = [];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (seen[id] === round) continue;
      seen[id] = round;
      meter.left -= 1;
      const state = states[id];
      if (state?.kind === "match") return true;
      if (state?.kind === "split") stack.push(...state.next);
      else if (state?.kind === "assertion" && holds(state.source, before, after)) stack.push(state.next);
      else if (state?.kind === "atom" && after !== "" && state.test(after)) waiting.push(state.next);
    }
    if (after === "" || meter.left < 0) return false;
    before = after;
    at += after.length;
  }
}

function holds(source: string, before: string, after: string): boolean {
  if (source === "^") return before === "";
  if (source === "$") return after === "";
  const atEdge = /^\w$/.test(before) !== /^\w$/.test(after);
  return source === "\\b" ? atEdge : !atEdge;
}
