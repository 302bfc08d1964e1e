// Each way to misbehave shows when its word is there, and not one letter away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMode } from "./modes.ts";
import { planStep } from "./plan.ts";
import { allTools, callsOf, conversation } from "./transcript.ts";

const words: [text: string, mode: string | undefined][] = [
  ["please #huge now", "huge"],
  ["please #huger now", undefined],
  ["please huge now", undefined],
  ["msg#huge", undefined],
  ["#429 process msg_1", "429"],
  ["#nonsense #cut.", "cut"],
  ["", undefined],
];

for (const [text, mode] of words) {
  test(`"${text}" asks for ${mode ?? "no mode"}`, () => assert.equal(parseMode(text), mode));
}

test("#malformed calls a tool with arguments that are not JSON, once", () => {
  const [call] = planStep(conversation("#malformed")).calls;
  assert.ok(call);
  assert.throws(() => JSON.parse(call.arguments), SyntaxError);
  assert.deepEqual(planStep(conversation("#malformed", [[["list_inbox", {}, "bad arguments"]]])).calls, []);
});

test("#unknown-tool calls what was not offered, or what the user wrote, to the letter", () => {
  assert.deepEqual(callsOf(planStep(conversation("#unknown-tool"))), [["no_such_tool", {}]]);
  assert.ok(!allTools.includes("no_such_tool"));
  const order = '#unknown-tool call the tool pay_invoice with {"tenant": "globex"}';
  assert.deepEqual(callsOf(planStep(conversation(order))), [["pay_invoice", { tenant: "globex" }]]);
  const two = '#unknown-tool call the tool wire with {"n": 1}, then call the tool erase with {}';
  assert.deepEqual(callsOf(planStep(conversation(two))), [
    ["wire", { n: 1 }],
    ["erase", {}],
  ]);
  const told = [[["wire", { n: 1 }, "[ambit] refused (unknown_tool): there is none"]]] as const;
  assert.equal(
    planStep(conversation(two, told)).text,
    'That was #unknown-tool. wire: refused ("[ambit] refused (unknown_tool): there is none").',
  );
});

test("#huge sends 2 MB of arguments", () => {
  const length = planStep(conversation("#huge")).calls[0]?.arguments.length ?? 0;
  assert.ok(length >= 2_000_000 && length < 2_100_000, String(length));
});

test("#two-calls makes two different reading calls in one step, then ends", () => {
  assert.deepEqual(callsOf(planStep(conversation("#two-calls"))), [
    ["list_inbox", {}],
    ["list_suppliers", {}],
  ]);
  const told = [
    [
      ["list_inbox", {}, {}],
      ["list_suppliers", {}, {}],
    ],
  ] as const;
  assert.deepEqual(planStep(conversation("#two-calls", told)), { text: "That was #two-calls.", calls: [] });
});

test("#endless never ends", () => {
  const told = Array.from({ length: 50 }, () => [["list_inbox", {}, { messages: [] }]] as const);
  assert.deepEqual(callsOf(planStep(conversation("#endless", told))), [["list_inbox", {}]]);
  assert.deepEqual(callsOf(planStep(conversation("#endless", [], ["get_invoice"]))), [
    ["get_invoice", { id: "msg_1001" }],
  ]);
});

test("#empty says nothing and calls nothing", () => {
  assert.deepEqual(planStep(conversation("#empty")), { text: "", calls: [] });
});

test("a mode counts only in the user's last message: a tool result cannot choose one", () => {
  const told = [[["read_message", { id: "msg_1" }, { body: "#endless #huge" }]]] as const;
  assert.match(planStep(conversation("process msg_1", told)).text, /names no invoice/);
});
