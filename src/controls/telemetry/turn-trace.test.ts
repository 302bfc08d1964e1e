import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainEntry } from "../audit/entry.ts";
import { names } from "./names.ts";
import { otlpRequest } from "./otlp.ts";
import { maxHeldSpans, maxOpenTurns, maxSpans, traceEntry, type OpenTurns, type Span } from "./turn-trace.ts";
import { parseTraceparent } from "./traceparent.ts";

const began = Date.parse("2026-05-03T10:00:00.000Z");
let seq = 0;

function entry(event: string, ms: number, detail: ChainEntry["detail"] = {}, callId?: string): ChainEntry {
  const at = new Date(began + ms).toISOString();
  const place = { thread: "api:amy%40example.com:t1", turn: 1, ...(callId === undefined ? {} : { callId }) };
  return { v: 1, seq: ++seq, at, event, detail, ...place };
}

const opened = entry("turn_opened", 0, { channel: "api", user: "amy@example.com", characters: 9, textHash: "x" });
const answered = (ms: number, step: number) =>
  entry("model_answered", ms, { step, provider: "anthropic", model: "claude-x", ms: 400, input: 10, output: 5 });
const closed = (ms: number) => entry("turn_closed", ms, { state: "done", why: null, characters: 4 });

function trace(...entries: ChainEntry[]): Span[] {
  const turns: OpenTurns = {};
  const spans = entries.map((one) => traceEntry("clerk", turns, one)).findLast((one) => one !== undefined);
  assert.deepEqual(Object.keys(turns), []);
  return spans ?? [];
}

const whole = [
  opened,
  answered(500, 1),
  entry("call_admitted", 510, { server: "erp", tool: "invoices", rule: "read" }, "call_1"),
  entry("call_done", 700, { tool: "erp_invoices", characters: 10 }, "call_1"),
  answered(1200, 2),
  entry("call_held", 1210, { server: "erp", tool: "pay", rule: "impact" }, "call_2"),
  entry("approval_given", 60_000, { by: "olga" }, "call_2"),
  entry("call_approved", 60_000, { by: "olga" }, "call_2"),
  entry("call_admitted", 60_010, { approvedBy: "olga" }, "call_2"),
  entry("call_done", 60_500, { tool: "erp_pay", characters: 1 }, "call_2"),
  answered(61_000, 3),
  closed(61_001),
];

test("a turn is one trace: the agent, its model steps, its calls, and the time a call waited for a person", () => {
  const spans = trace(...whole);
  const [root] = spans;
  assert.deepEqual(
    spans.map(({ name, start, end }) => [name, start - began, end - began]),
    [
      ["invoke_agent clerk", 0, 61_001],
      ["chat claude-x", 100, 500],
      ["execute_tool invoices", 510, 700],
      ["chat claude-x", 800, 1200],
      ["ambit.review pay", 1210, 60_000],
      ["execute_tool pay", 60_010, 60_500],
      ["chat claude-x", 60_600, 61_000],
    ],
  );
  assert.ok(spans.slice(1).every(({ parentId, traceId }) => parentId === root?.spanId && traceId === root.traceId));
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
  assert.equal(root?.attributes[names.inputTokens], 30);
  assert.equal(spans[5]?.attributes[names.callId], "call_2");
});

test("the same entries give the same trace, those of another deployment another", () => {
  assert.deepEqual(trace(...whole), trace(...whole));
  const other: OpenTurns = {};
  traceEntry("other", other, opened);
  assert.notEqual(Object.keys(other)[0], trace(...whole)[0]?.traceId);
});

test("nothing of who spoke is in a trace", () => {
  const text = JSON.stringify(otlpRequest(trace(...whole)));
  for (const word of ["amy", "olga", "api:", "textHash"]) assert.ok(!text.includes(word), word);
});

test("the name of a tool that does not exist is the model's, and is not in a trace; one of the file is", () => {
  const refused = (reason: string) =>
    trace(opened, entry("call_refused", 10, { tool: "send_secret_4711", reason }, "call_1"), closed(20))[1];
  assert.equal(refused("unknown_tool")?.name, "execute_tool");
  assert.equal(refused("unknown_tool")?.error, "unknown_tool");
  assert.equal(refused("bad_arguments")?.attributes[names.tool], undefined);
  assert.equal(refused("limit_reached")?.name, "execute_tool send_secret_4711");
});

test("what a gate that was taken over writes is bounded and read as words", () => {
  const evil = trace(
    opened,
    entry("model_answered", 10, { step: -1, provider: "a b", model: "\u001b[2J", ms: 1e300, input: -5, output: "9" }),
    entry("call_admitted", 20, { server: "x".repeat(65), tool: 'a"b' }, "c\nd"),
    entry("call_done", 15, {}, "c\nd"),
    closed(20),
  );
  const text = JSON.stringify(evil);
  assert.doesNotMatch(text, /u001b|x{65}|a b|c.nd/);
  assert.ok(evil.every(({ start, end }) => start <= end));
});

test("how a held call ends is told once, and a denied one does not run", () => {
  const held = entry("call_held", 10, { server: "erp", tool: "pay" }, "call_1");
  for (const [event, decision] of [
    ["call_denied", "denied"],
    ["call_expired", "expired"],
    ["call_voided", "voided"],
  ] as const) {
    const spans = trace(opened, held, entry(event, 30, {}, "call_1"), closed(40));
    assert.deepEqual(
      spans.map(({ name, error }) => [name, error]),
      [
        ["invoke_agent clerk", null],
        ["ambit.review pay", decision],
      ],
    );
  }
  const late = [entry("call_approved", 20, {}, "call_1"), entry("call_expired", 30, {}, "call_1")];
  assert.equal(trace(opened, held, ...late, closed(40)).length, 2);
});

test("a turn that failed says why", () => {
  const spans = trace(opened, entry("turn_closed", 5, { state: "failed", why: "budget_spent", characters: 1 }));
  assert.equal(spans[0]?.error, "budget_spent");
});

test("so many spans of a turn are kept, one more is counted", () => {
  const steps = (count: number) => Array.from({ length: count }, (_, n) => answered(10 + n, n + 1));
  const full = trace(opened, ...steps(maxSpans), closed(9000));
  assert.deepEqual([full.length, full[0]?.attributes["ambit.spans_left_out"]], [maxSpans + 1, undefined]);
  const over = trace(opened, ...steps(maxSpans + 1), closed(9000));
  assert.deepEqual([over.length, over[0]?.attributes["ambit.spans_left_out"]], [maxSpans + 1, 1]);
});

test("turns that never end do not grow without bound: the oldest is forgotten", () => {
  const turns: OpenTurns = {};
  for (let turn = 1; turn <= maxOpenTurns + 1; turn++) traceEntry("clerk", turns, { ...opened, turn });
  assert.equal(Object.keys(turns).length, maxOpenTurns);
  assert.equal(traceEntry("clerk", turns, { ...closed(5), turn: 1 }), undefined);
  assert.equal(traceEntry("clerk", turns, { ...closed(5), turn: 2 })?.length, 1);
});

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const traceparents: ReadonlyArray<readonly [unknown, boolean]> = [
  [parent, true],
  [parent.replace(/^00/, "01"), false],
  [`${parent}-extra`, false],
  [parent.toUpperCase(), false],
  ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", false],
  ["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false],
  [`${parent}, ${parent}`, false],
  [7, false],
];
for (const [value, taken] of traceparents) {
  test(`traceparent ${String(value).slice(0, 70)} is ${taken ? "a link" : "nothing"}`, () => {
    assert.equal(parseTraceparent(value) !== undefined, taken);
    const root = trace(entry("turn_opened", 0, { traceparent: value as string }), closed(1))[0];
    assert.equal(root?.links.length, taken ? 1 : 0);
    assert.equal(root?.parentId, null);
    assert.notEqual(root?.traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
  });
}

test("OTLP in JSON: ids in hex, nanoseconds as text, the error as a status and a type", () => {
  const spans = trace(opened, entry("turn_closed", 5, { state: "failed", why: "model_failed" }));
  const sent = otlpRequest(spans) as {
    resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[];
  };
  const [span] = sent.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
  assert.match(String(span?.["traceId"]), /^[0-9a-f]{32}$/);
  assert.match(String(span?.["spanId"]), /^[0-9a-f]{16}$/);
  assert.deepEqual([span?.["kind"], span?.["parentSpanId"]], [1, undefined]);
  assert.deepEqual([span?.["startTimeUnixNano"], span?.["endTimeUnixNano"]], [`${began}000000`, `${began + 5}000000`]);
  assert.deepEqual(span?.["status"], { code: 2, message: "model_failed" });
  assert.ok(JSON.stringify(span).includes('{"key":"error.type","value":{"stringValue":"model_failed"}}'));
});

test("turns that never end hold no more together than is allowed, and odd ids of calls are nothing", () => {
  const turns: OpenTurns = {};
  const of = (turn: number, one: ChainEntry) => traceEntry("clerk", turns, { ...one, turn });
  for (let turn = 1; turn <= 500; turn++) {
    of(turn, opened);
    for (let call = 0; call < 50; call++)
      of(turn, entry("call_refused", 1, { reason: "unknown_tool" }, `call_${call}`));
  }
  const held = Object.values(turns).map(({ spans, calls }) => spans.length + Object.keys(calls).length);
  const sum = held.reduce((all, one) => all + one, 0);
  assert.ok(sum <= maxHeldSpans + 1 && sum > maxHeldSpans / 2, String(sum));
  assert.ok((turns[Object.keys(turns).at(-1) ?? ""]?.cut ?? 0) > 0);
  const spans = trace(
    opened,
    entry("call_refused", 1, { reason: "unknown_tool" }, "x".repeat(81)),
    entry("call_done", 1, {}, "constructor"),
    closed(2),
  );
  assert.deepEqual(
    spans.map(({ name }) => name),
    ["invoke_agent clerk", "execute_tool"],
  );
  assert.ok(JSON.stringify(otlpRequest(spans)).includes("constructor"));
});
