// Whatever an operator is handed as a policy file, Cedar answers it and goes on: nothing overruns its stack, and what is
// evaluated is judged.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findings, input, openOverlay } from "./fixtures/cedar.ts";

const words =
  `forbid permit ( ) principal , action resource when unless { } ; context . args has like in is if then else && || ! - +
  * == != < [ ] "x" 1 9223372036854775807 true @id ?principal User:: Action::"pay_invoice" decimal contains isEmpty :: //
  \\ ' é {a: [[ (( !( -( amount_cents approved`.split(/\s+/);

/** Runs of words, some of them repeated as often as nesting would be. */
const junk = fc
  .array(fc.tuple(fc.constantFrom(...words), fc.oneof(fc.constant(1), fc.nat(400))), { maxLength: 60 })
  .map((runs) => runs.map(([word, times]) => `${word} `.repeat(times)).join(""));

const { condition } = fc.letrec<{ condition: string; number: string }>((tie) => ({
  condition: fc.oneof(
    { depthSize: "large", withCrossShrink: true },
    fc.constantFrom(
      "true",
      "false",
      `context.user == "amy"`,
      `context.approvals.contains("eve")`,
      "context.args has to",
    ),
    fc.tuple(tie("condition"), fc.constantFrom("&&", "||"), tie("condition")).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie("condition"), tie("condition"), tie("condition")).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`),
    tie("condition").map((inner) => `!(${inner})`),
    fc.tuple(tie("number"), fc.constantFrom("<", ">=", "=="), tie("number")).map(([a, op, b]) => `(${a} ${op} ${b})`),
  ),
  number: fc.oneof(
    { depthSize: "medium" },
    fc.constantFrom("1", "context.approved", "context.day_calls", "9223372036854775807", "-7"),
    fc.tuple(tie("number"), fc.constantFrom("+", "-", "*"), tie("number")).map(([a, op, b]) => `(${a} ${op} ${b})`),
  ),
}));

const goesOn = () => findings(`forbid(principal, action, resource);`).length === 0;

test("any run of Cedar's words is answered, and the next file is read as before", () => {
  fc.assert(
    fc.property(junk, fc.boolean(), (text, isInside) => {
      findings(isInside ? `forbid(principal, action, resource) when { ${text} };` : text);
      return goesOn();
    }),
    { numRuns: 300 },
  );
});

test("any condition that is accepted is judged: allowed, forbidden, or failed with Cedar's own words", () => {
  let judged = 0;
  fc.assert(
    fc.property(condition, (text) => {
      const policy = `forbid(principal, action, resource) when { ${text} };`;
      if (findings(policy).length > 0) return true;
      judged++;
      const refusal = openOverlay(policy).decide(input("mail.send", { to: "a", body: "b" }));
      const isClean = refusal === undefined || refusal.reason === "forbidden_by_policy";
      return (isClean || /failed: integer overflow/.test(refusal.message)) && goesOn();
    }),
    { numRuns: 300 },
  );
  assert.ok(judged > 50, `${judged} were judged`);
});
