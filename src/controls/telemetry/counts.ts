// Control `audit`: what the entries of a gate's chain add up to. An attacker wants a label for each user, path or made-up
// word, until whoever collects is full: labels are machine words of closed kinds, at most so many of one kind, and what
// comes after is `other`. No user, tool or text is a label.
import type { ChainEntry } from "../audit/entry.ts";
import { asCount, asWord } from "./words.ts";

/** Words that one label of one deployment may take. */
export const maxWords = 40;
/** Held calls that are told apart; a Ledger keeps far fewer. */
const maxHeld = 10_000;
const maxIdChars = 80;
export const modelBuckets = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64] as const;

type ByWord = Record<string, number>;

/** Of one deployment, as it can be kept. */
export interface Counts {
  turnsOpened: number;
  /** By `done`, or why it failed. */
  readonly turnsClosed: ByWord;
  /** By what became of them. */
  readonly calls: ByWord;
  /** Calls, messages and senders that were refused, by code. */
  readonly refusals: ByWord;
  readonly model: {
    steps: number;
    input: number;
    output: number;
    microUsd: number;
    ms: number;
    readonly upTo: number[];
  };
  /** Calls that wait for a person now. */
  readonly held: Record<string, true>;
}

export function noCounts(): Counts {
  const model = { steps: 0, input: 0, output: 0, microUsd: 0, ms: 0, upTo: modelBuckets.map(() => 0) };
  return { turnsOpened: 0, turnsClosed: {}, calls: {}, refusals: {}, model, held: {} };
}

const outcomes = [
  "admitted",
  "held",
  "approved",
  "denied",
  "expired",
  "voided",
  "done",
  "failed",
  "unknown",
  "refused",
];
const outcomeOf = new Map(outcomes.map((outcome) => [`call_${outcome}`, outcome]));
const refusing = new Set(["call_refused", "message_refused", "sender_refused"]);

/** Adds an entry to what it is of. */
export function countEntry(counts: Counts, entry: ChainEntry): void {
  const { event, detail, callId } = entry;
  if (event === "turn_opened") counts.turnsOpened++;
  if (event === "turn_closed") add(counts.turnsClosed, detail["state"] === "done" ? "done" : detail["why"]);
  if (event === "model_answered") countModel(counts.model, detail);
  if (refusing.has(event)) add(counts.refusals, detail["reason"]);
  const outcome = outcomeOf.get(event);
  if (outcome === undefined) return;
  add(counts.calls, outcome);
  if (callId === undefined || callId.length > maxIdChars) return;
  if (outcome !== "held") delete counts.held[callId];
  else if (Object.keys(counts.held).length < maxHeld) counts.held[callId] = true;
}

function countModel(model: Counts["model"], { input, output, microUsd, ms }: ChainEntry["detail"]): void {
  model.steps++;
  model.input += asCount(input);
  model.output += asCount(output);
  model.microUsd += asCount(microUsd);
  model.ms += asCount(ms);
  modelBuckets.forEach((most, at) => {
    if (asCount(ms) <= most * 1000) model.upTo[at] = (model.upTo[at] ?? 0) + 1;
  });
}

function add(counts: ByWord, said: unknown): void {
  const word = asWord(said);
  const isRoom = Object.hasOwn(counts, word) || Object.keys(counts).length < maxWords - 1;
  const label = isRoom ? word : "other";
  counts[label] = (Object.hasOwn(counts, label) ? (counts[label] ?? 0) : 0) + 1;
}
