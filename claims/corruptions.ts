// What whoever keeps an export could do to it, at random places chosen by a seed: every kind of change that the audit
// promises to notice. Each says where it struck, as far as a verifier can know that.
import { canonicalJson } from "../src/controls/manifest/hash.ts";
import { chainId, genesis, nextHead, writers, type Standing, type Writer } from "../src/controls/audit/chain.ts";
import { entryDigest, type ChainEntry } from "../src/controls/audit/entry.ts";
import type { Place } from "../src/controls/audit/fault.ts";

export interface Corruption {
  readonly name: string;
  readonly bytes: Buffer;
  /** Where it must be found. */
  readonly at: Partial<Place>;
}

interface Line {
  readonly kind: string;
  line: number;
  chain?: Writer;
  entry?: ChainEntry;
  sequence?: number;
  head?: string;
}

type Corrupt = (text: string[], random: (below: number) => number, other: readonly string[]) => Corruption;

/**
 * One corruption of a good export.
 * @param other an export of another deployment
 * @param random whole numbers from 0 up to, not including, its argument
 */
export function corrupt(file: Buffer, other: Buffer, index: number, random: (below: number) => number): Corruption {
  const linesOf = (bytes: Buffer): string[] => bytes.toString("utf8").split("\n").slice(0, -1);
  const kind = kinds[index % kinds.length] ?? flip;
  return kind(linesOf(file), random, linesOf(other));
}

const flip: Corrupt = (text, random) => {
  const bytes = asFile(text);
  const at = random(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
  const line =
    asFile(text)
      .subarray(0, at)
      .filter((byte) => byte === 10).length + 1;
  return { name: `one bit of byte ${at} flipped, in line ${line}`, bytes, at: { line } };
};

const remove: Corrupt = (text, random) => {
  const at = 1 + random(text.length - 2);
  return { name: `line ${at + 1} removed`, bytes: asFile(text.toSpliced(at, 1)), at: placeOf(text[at]) };
};

const removeAndRenumber: Corrupt = (text, random) => {
  const at = pickEntry(text, random);
  const bytes = asFile(renumber(text.toSpliced(at, 1)));
  return { name: `line ${at + 1} removed, and the rest renumbered`, bytes, at: {} };
};

const swap: Corrupt = (text, random) => {
  const at = 1 + random(text.length - 3);
  const bytes = asFile(text.toSpliced(at, 2, text[at + 1] ?? "", text[at] ?? ""));
  return { name: `lines ${at + 1} and ${at + 2} swapped`, bytes, at: { line: at + 1 } };
};

const move: Corrupt = (text, random) => {
  const at = pickEntry(text, random);
  const rest = text.toSpliced(at, 1);
  const to = (at + 1 + random(rest.length - 2)) % rest.length || 1;
  const bytes = asFile(renumber(rest.toSpliced(to, 0, text[at] ?? "")));
  return { name: `line ${at + 1} moved to ${to + 1}, all renumbered`, bytes, at: {} };
};

const repeat: Corrupt = (text, random) => {
  const [at, to] = [1 + random(text.length - 2), 1 + random(text.length - 1)];
  const bytes = asFile(renumber(text.toSpliced(to, 0, text[at] ?? "")));
  return { name: `line ${at + 1} repeated at ${to + 1}, all renumbered`, bytes, at: {} };
};

/** An entry of the attacker's own, with a right number and a right head, and the rest of its chain as it was. */
const insert: Corrupt = (text, random) => {
  const at = pickEntry(text, random);
  const line = read(text[at]);
  const entry = { ...(line.entry as ChainEntry), event: "call_approved" };
  const head = nextHead("0".repeat(64), entryDigest(entry));
  const bytes = asFile(renumber(text.toSpliced(at, 0, canonicalJson({ ...line, entry, head }))));
  return { name: `an entry inserted as line ${at + 1}`, bytes, at: { line: at + 1 } };
};

/** An entry changed, and every head after it computed anew: only the broker's memory and seal tell. */
const rewrite: Corrupt = (text, random) => {
  const at = pickEntry(text, random);
  const { chain, entry } = read(text[at]);
  const changed = text.with(at, canonicalJson({ ...read(text[at]), entry: { ...entry, event: "nothing" } }));
  return {
    name: `${chain} entry ${entry?.seq} changed, the heads after it too`,
    bytes: asFile(rehash(changed)),
    at: {},
  };
};

const cut: Corrupt = (text, random) => {
  const bytes = asFile(text);
  const length = random(bytes.length - 1);
  return { name: `cut after ${length} bytes`, bytes: bytes.subarray(0, length), at: {} };
};

const cutLines: Corrupt = (text, random) => {
  const kept = random(text.length);
  return {
    name: `cut after line ${kept}`,
    bytes: asFile(text.slice(0, kept)),
    at: { line: kept + 1 },
  };
};

/** Cut, with the seal put back at the end. */
const cutAndSeal: Corrupt = (text, random) => {
  const kept = 1 + random(text.length - 2);
  const bytes = asFile(renumber([...text.slice(0, kept), text.at(-1) ?? ""]));
  return { name: `cut after line ${kept}, the seal put back`, bytes, at: {} };
};

/** A chain of another deployment in the place of this one's. */
const otherChain: Corrupt = (text, random, other) => {
  const writer = writers[random(writers.length)] ?? "gate";
  const isOf = (line: string): boolean => read(line).chain === writer;
  const rest = text.filter((line) => !isOf(line));
  const bytes = asFile(renumber(rest.toSpliced(1, 0, ...other.filter(isOf))));
  return { name: `the ${writer} chain of another deployment`, bytes, at: { chain: writer } };
};

const otherHeader: Corrupt = (text, _random, other) => {
  return { name: "the header of another deployment", bytes: asFile(text.with(0, other[0] ?? "")), at: {} };
};

const otherSeal: Corrupt = (text, _random, other) => {
  const bytes = asFile(renumber([...text.slice(0, -1), other.at(-1) ?? ""]));
  return { name: "the seal of another export", bytes, at: { line: text.length } };
};

const rephrase: Corrupt = (text, random) => {
  const at = random(text.length);
  const members = Object.entries(read(text[at])).reverse();
  const [spaced, turned] = [(text[at] ?? "").replace(",", ", "), JSON.stringify(Object.fromEntries(members))];
  const bytes = asFile(text.with(at, random(2) === 0 ? spaced : turned));
  return { name: `line ${at + 1} says the same in other bytes`, bytes, at: { line: at + 1 } };
};

const append: Corrupt = (text, random) => {
  const at = 1 + random(text.length - 1);
  const last = canonicalJson({ ...read(text[at]), line: text.length + 1 });
  return { name: `line ${at + 1} again after the seal`, bytes: asFile([...text, last]), at: { line: text.length + 1 } };
};

const kinds: readonly Corrupt[] = [
  ...[flip, remove, flip, swap, flip, insert, flip, cut, flip, rewrite, otherChain, removeAndRenumber],
  ...[flip, cutLines, flip, move, cutAndSeal, repeat, rephrase, flip, append, otherHeader, otherSeal],
];

function pickEntry(text: readonly string[], random: (below: number) => number): number {
  for (;;) {
    const at = 1 + random(text.length - 2);
    if (read(text[at]).kind === "entry") return at;
  }
}

function placeOf(text: string | undefined): Partial<Place> {
  const { chain, entry } = read(text);
  return chain === undefined || entry === undefined ? {} : { chain, seq: entry.seq };
}

function read(text: string | undefined): Line {
  return JSON.parse(text ?? "{}") as Line;
}

function renumber(text: readonly string[]): string[] {
  return text.map((line, at) => canonicalJson({ ...read(line), line: at + 1 }));
}

function rehash(text: readonly string[]): string[] {
  const { deployment } = JSON.parse(text[0] ?? "{}") as { deployment: string };
  const at = new Map<Writer, Standing>(writers.map((writer) => [writer, genesis(chainId(deployment, writer))]));
  return text.map((one) => {
    const line = read(one);
    if (line.kind !== "entry" || line.chain === undefined || line.entry === undefined) return one;
    const head = nextHead(at.get(line.chain)?.head ?? "", entryDigest(line.entry));
    at.set(line.chain, { sequence: line.entry.seq, head });
    return canonicalJson({ ...line, head });
  });
}

function asFile(text: readonly string[]): Buffer {
  return Buffer.from(text.map((line) => `${line}\n`).join(""), "utf8");
}
