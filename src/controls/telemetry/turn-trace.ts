// Control `audit`: entries of a gate's chain become spans: one trace a turn, one span a model step and a call, and one for the
// time in which a call waited for a person. Nothing of what was said is in an entry, so nothing of it is in a trace; who
// spoke is not either. Ids follow from the place, so the same entries give the same trace, however often they are read. An
// attacker wants turns without end, to fill the memory of whoever follows: what is open is bounded, and what is cut is counted.
import { sha256Hex } from "../audit/digest.ts";
import type { ChainEntry } from "../audit/entry.ts";
import { names, operations, reviewSpan } from "./names.ts";
import { parseTraceparent, type Link } from "./traceparent.ts";
import { asCount, asModel, asTime, asWord } from "./words.ts";

export type Attributes = Readonly<Record<string, string | number>>;

export interface Span {
  /** 32, 16 and 16 hex digits; the root has no parent. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly name: string;
  readonly kind: "internal" | "client";
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  /** Machine word of what went wrong, or null. */
  readonly error: string | null;
  readonly links: readonly Link[];
}

interface OpenCall {
  readonly tool: string | null;
  readonly server: string | null;
  readonly heldAt: number | null;
  readonly admittedAt: number | null;
}

/** A turn that was opened and not closed, as it can be kept. */
export interface OpenTurn {
  readonly opened: number;
  readonly conversation: string;
  readonly turn: number;
  readonly spans: Span[];
  readonly calls: Record<string, OpenCall>;
  input: number;
  output: number;
  /** Spans and calls that it holds. */
  size: number;
  /** Spans that were left out. */
  cut: number;
  readonly links: Link[];
}

export type OpenTurns = Record<string, OpenTurn>;

/** Turns of one deployment that are followed at once, and spans of one turn. */
export const maxOpenTurns = 2000;
export const maxSpans = 256;
/** Spans and calls that all open turns of one deployment may hold together. */
export const maxHeldSpans = 20_000;
/** Refusals of calls whose tool is one of the file: in all others the name is the model's. */
const ofNamedTool = new Set([
  ...["limit_reached", "value_not_allowed", "unattended", "policy_failed", "tool_quarantined", "too_many_held"],
  ...["not_approved", "argument_untrusted"],
]);
/** As ids of calls are, and short. */
const callForm = /^[a-z0-9_-]{1,80}$/;
const unopened: OpenCall = { tool: null, server: null, heldAt: null, admittedAt: null };

/** Takes the next entry of a gate's chain. Returns the trace when it closes a turn; `turns` is changed. */
export function traceEntry(deployment: string, turns: OpenTurns, entry: ChainEntry): Span[] | undefined {
  const { thread, turn, event } = entry;
  if (thread === undefined || turn === undefined) return undefined;
  const key = sha256Hex(`ambit-trace-v1\n${deployment}\n${thread}\n${turn}`).slice(0, 32);
  if (event === "turn_opened") return openTurn(turns, key, deployment, entry);
  const found = turns[key];
  if (found === undefined) return undefined;
  const isFull = Object.values(turns).reduce((sum, { size }) => sum + size, 0) >= maxHeldSpans;
  if (isFull) found.cut++;
  else if (event === "model_answered") addModel(found, key, entry);
  else if (entry.callId !== undefined && callForm.test(entry.callId)) addCall(found, key, entry, entry.callId);
  if (event !== "turn_closed") return undefined;
  delete turns[key];
  return [rootOf(found, key, deployment, entry), ...found.spans];
}

function openTurn(
  turns: OpenTurns,
  key: string,
  deployment: string,
  { at, thread, turn = 0, detail }: ChainEntry,
): undefined {
  const keys = Object.keys(turns);
  // The oldest one gives way: it waits for a person, or its end was never told.
  if (keys.length >= maxOpenTurns) delete turns[keys[0] ?? ""];
  const conversation = sha256Hex(`ambit-conversation-v1\n${deployment}\n${thread ?? ""}`).slice(0, 32);
  const link = parseTraceparent(detail["traceparent"]);
  const links = link === undefined ? [] : [link];
  turns[key] = {
    opened: asTime(at),
    conversation,
    turn,
    spans: [],
    calls: {},
    input: 0,
    output: 0,
    size: 0,
    cut: 0,
    links,
  };
  return undefined;
}

function addModel(open: OpenTurn, traceId: string, { at, seq, detail }: ChainEntry): void {
  const { provider, model, ms, input, output, step, microUsd } = detail;
  const end = asTime(at);
  open.input += asCount(input);
  open.output += asCount(output);
  const attributes = {
    [names.operation]: operations.model,
    [names.provider]: asWord(provider),
    [names.model]: asModel(model),
    [names.inputTokens]: asCount(input),
    [names.outputTokens]: asCount(output),
    [names.step]: asCount(step),
    [names.auditSequence]: seq,
    ...(microUsd === undefined ? {} : { [names.microUsd]: asCount(microUsd) }),
  };
  const start = Math.max(open.opened, end - asCount(ms));
  const name = `${operations.model} ${asModel(model)}`;
  addSpan(open, {
    ...placeOf(traceId, `model ${asCount(step)}`),
    name,
    kind: "client",
    start,
    end,
    attributes,
    error: null,
  });
}

const decisions: Readonly<Record<string, string>> = {
  call_approved: "approved",
  call_denied: "denied",
  call_expired: "expired",
  call_voided: "voided",
};
const outcomes: Readonly<Record<string, string>> = {
  call_done: "done",
  call_failed: "failed",
  call_unknown: "unknown",
  call_refused: "refused",
};

function addCall(open: OpenTurn, traceId: string, entry: ChainEntry, callId: string): void {
  const { event, detail } = entry;
  const at = asTime(entry.at);
  const isNew = !Object.hasOwn(open.calls, callId);
  if (isNew && Object.keys(open.calls).length >= maxSpans) return void open.cut++;
  if (isNew) open.size++;
  const call = (isNew ? undefined : open.calls[callId]) ?? unopened;
  open.calls[callId] = call;
  const named = call.tool === null && typeof detail["server"] === "string";
  const known = named ? { tool: asWord(detail["tool"]), server: asWord(detail["server"]) } : {};
  if (event === "call_held") open.calls[callId] = { ...call, ...known, heldAt: at };
  if (event === "call_admitted") open.calls[callId] = { ...call, ...known, admittedAt: at };
  const [decision, outcome] = [decisions[event], outcomes[event]];
  if (decision !== undefined && call.heldAt !== null) {
    addReview(open, traceId, entry, callId, call, decision);
    // An approval that is over later ends nothing a second time.
    open.calls[callId] = { ...call, heldAt: null };
  }
  if (outcome !== undefined) addTool(open, traceId, entry, callId, call, outcome);
}

function addReview(
  open: OpenTurn,
  traceId: string,
  { at, seq }: ChainEntry,
  callId: string,
  { tool, server, heldAt }: OpenCall,
  decision: string,
): void {
  const attributes = {
    ...callAttributes(callId, tool, server),
    [names.decision]: decision,
    [names.auditSequence]: seq,
  };
  const name = tool === null ? reviewSpan : `${reviewSpan} ${tool}`;
  const [start, end] = [heldAt ?? asTime(at), asTime(at)];
  const error = decision === "approved" ? null : decision;
  addSpan(open, { ...placeOf(traceId, `review ${callId}`), name, kind: "internal", start, end, attributes, error });
}

function addTool(
  open: OpenTurn,
  traceId: string,
  { at, seq, detail }: ChainEntry,
  callId: string,
  call: OpenCall,
  outcome: string,
): void {
  const reason = typeof detail["reason"] === "string" ? asWord(detail["reason"]) : outcome;
  const tool = call.tool ?? (ofNamedTool.has(reason) ? asWord(detail["tool"]) : null);
  const attributes = {
    [names.operation]: operations.tool,
    ...callAttributes(callId, tool, call.server),
    [names.outcome]: outcome,
    [names.auditSequence]: seq,
  };
  const name = tool === null ? operations.tool : `${operations.tool} ${tool}`;
  const end = asTime(at);
  const start = Math.min(call.admittedAt ?? end, end);
  const error = outcome === "done" ? null : reason;
  addSpan(open, { ...placeOf(traceId, `tool ${callId}`), name, kind: "internal", start, end, attributes, error });
}

function callAttributes(callId: string, tool: string | null, server: string | null): Attributes {
  return {
    ...(tool === null ? {} : { [names.tool]: tool }),
    [names.callId]: asWord(callId),
    ...(server === null ? {} : { [names.server]: server }),
  };
}

function rootOf(open: OpenTurn, traceId: string, deployment: string, { at, seq, detail }: ChainEntry): Span {
  const { state, why } = detail;
  const attributes = {
    [names.operation]: operations.agent,
    [names.agent]: deployment,
    [names.conversation]: open.conversation,
    [names.turn]: open.turn,
    [names.inputTokens]: open.input,
    [names.outputTokens]: open.output,
    [names.auditSequence]: seq,
    ...(open.cut > 0 ? { "ambit.spans_left_out": open.cut } : {}),
  };
  const error = state === "failed" ? asWord(why) : null;
  const { spanId } = placeOf(traceId, "turn");
  const name = `${operations.agent} ${deployment}`;
  const end = Math.max(open.opened, asTime(at));
  return {
    traceId,
    spanId,
    parentId: null,
    name,
    kind: "internal",
    start: open.opened,
    end,
    attributes,
    error,
    links: open.links,
  };
}

function placeOf(traceId: string, place: string): { traceId: string; spanId: string; parentId: string; links: Link[] } {
  const spanOf = (what: string): string => sha256Hex(`ambit-span-v1\n${traceId}\n${what}`).slice(0, 16);
  return { traceId, spanId: spanOf(place), parentId: spanOf("turn"), links: [] };
}

function addSpan(open: OpenTurn, span: Span): void {
  if (open.spans.length >= maxSpans) return void open.cut++;
  open.spans.push(span);
  open.size++;
}
