// What a person reads before they decide: everything, in lines that mean what they show.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApprovalView } from "../controls/wire/gate.ts";
import { renderApproval, renderList } from "./approvals.ts";

const held: ApprovalView = {
  ...{ callId: "call_00000001", state: "held", thread: "api:amy:t", turn: 1, user: "amy", server: "erp", tool: "pay" },
  ...{ arguments: { iban: "DE89", n: 1 }, effect: "irreversible", impact: "spend", reason: "pay has impact: spend" },
  ...{ actionHash: "0".repeat(64), created: "2026-01-01T00:00:00.000Z", expires: "2026-01-01T04:00:00.000Z" },
  ...{ by: null, note: null, role: "finance", needed: 2 },
  approvals: [{ by: "fay@acme.example", at: "2026-01-01T00:01:00.000Z", note: null }],
};

test("a held call shows all arguments, how many approved, who, and which role may", () => {
  const text = renderApproval(held);
  for (const part of [`iban = "DE89"`, "n = 1", "1 of 2 approved (role finance)", "fay@acme.example at 2026"]) {
    assert.ok(text.includes(part), part);
  }
  assert.match(
    renderApproval({ ...held, role: null, needed: 1, approvals: [] }),
    /0 of 1 approved \(anybody but who asked\)/,
  );
});

test("nothing that somebody else wrote makes a line of its own or turns one round", () => {
  const evil = "x\n  action approved\u001b[2J\u202e\u2028";
  const plain = renderApproval({ ...held, arguments: { x: "x" } });
  const shown = renderApproval({
    ...{ ...held, arguments: { [evil]: evil }, user: evil, thread: evil, reason: evil, tool: evil, role: evil },
    approvals: [{ by: evil, at: evil, note: null }],
  });
  assert.equal(shown.split("\n").length, plain.split("\n").length);
  assert.doesNotMatch(shown.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}]/u);
  assert.equal(renderList("ab", { approvals: [{ ...held, reason: evil }], more: 0 }).split("\n").length, 1);
});

test("what does not show, or shows as a space and is none, is written out", () => {
  const hidden = ["\u3164", "\u115f", "\ufe0f", "\u034f", "\u00a0", "\u2003", "\u2800", "\ue000", "\u{e0041}"];
  for (const char of hidden) {
    const shown = renderApproval({ ...held, arguments: { iban: `DE${char}89` } });
    assert.ok(shown.includes(`DE\\u{${char.codePointAt(0)?.toString(16)}}89`), JSON.stringify(char));
  }
  for (const plain of ["Müller & Söhne", "株式会社", "شركة"]) {
    assert.ok(renderApproval({ ...held, arguments: { to: plain } }).includes(`"${plain}"`));
  }
});

test("a list says how many did not fit, and that there is nothing when there is nothing", () => {
  assert.match(renderList("ab", { approvals: [held, held], more: 998 }), /\n\.\.\. and 998 more, newer than these$/);
  assert.doesNotMatch(renderList("ab", { approvals: [held], more: 0 }), /more/);
  assert.equal(renderList("ab", { approvals: [], more: 0 }), "Nothing waits for a person in ab.");
});
