// Control `least-privilege`, `review`, `workflow`: may this call happen, must a person decide, or never? The model, and
// whoever steers it, chooses tool and arguments freely; nothing here believes either. Pure: same call, same context, same
// verdict, and each refusal names the field. The rules themselves stand in rules.ts, in the order they are asked.
import type { Refusal, ToolCall, Verdict } from "../../boundary.ts";
import type { Decision, PolicyContext, Question, RuleOutcome } from "./question.ts";
import { askOverlay, boundRules, factRules, refuseUnattended, waitingRules, type Wait } from "./rules.ts";

/** Decides one call; `arguments` are the ones to run: the model's with the operator's bound ones added. */
export function decideCall(call: ToolCall, context: PolicyContext): Decision {
  const trail = new Trail(call, context.mode === "observe");
  const { contract, schema } = context;
  if (trail.refuses("freeze", context.frozen === null ? undefined : isFrozen(context.frozen))) return trail.refused();
  if (trail.refuses("named", contract ? undefined : unknownTool(call)) || !contract) return trail.refused();
  if (trail.refuses("pinned", schema ? undefined : notPinned(call, context)) || !schema) return trail.refused();
  const args = { ...call.arguments, ...contract.bind };
  const question: Question = { call, arguments: args, contract, schema, context };
  for (const { name, ask } of factRules) if (trail.refuses(name, ask(question))) return trail.refused();
  for (const { name, ask } of boundRules) if (trail.objects(name, ask(question))) return trail.refused();
  for (const { name, ask } of waitingRules) trail.waits(name, ask(question));
  if (trail.isWaiting() && trail.objects("unattended", refuseUnattended(question))) return trail.refused();
  // In observe mode a rule may have objected already; then the overlay has nothing left to narrow.
  if (context.overlay && !trail.hasObjection() && trail.objects("policy", askOverlay(question, trail.isWaiting())))
    return trail.refused();
  return trail.passed(question);
}

/** What the rules said so far. */
class Trail {
  readonly #call: ToolCall;
  readonly #observes: boolean;
  readonly #rules: RuleOutcome[] = [];
  #refusal: Refusal | undefined;
  #refusedBy = "";
  #wait: { rule: string; message: string } | undefined;

  constructor(call: ToolCall, observes: boolean) {
    this.#call = call;
    this.#observes = observes;
  }

  /** Notes what a rule said; true when it refuses, in whatever mode. */
  refuses(rule: string, refusal: Refusal | undefined): boolean {
    if (!refusal) this.#rules.push({ rule, outcome: "ok", field: null, message: "" });
    else {
      this.#rules.push({ rule, outcome: "refuse", field: refusal.field ?? null, message: refusal.message });
      if (!this.#refusal) this.#refusedBy = rule;
      this.#refusal ??= refusal;
    }
    return refusal !== undefined;
  }

  /** The same for judgement: true when the call ends here, which it never does in observe mode. */
  objects(rule: string, refusal: Refusal | undefined): boolean {
    return this.refuses(rule, refusal) && !this.#observes;
  }

  waits(rule: string, wait: Wait | undefined): void {
    if (!wait) this.#rules.push({ rule, outcome: "ok", field: null, message: "" });
    else {
      this.#rules.push({ rule, outcome: "review", ...wait });
      this.#wait ??= { rule, message: wait.message };
    }
  }

  isWaiting(): boolean {
    return this.#wait !== undefined;
  }

  hasObjection(): boolean {
    return this.#refusal !== undefined;
  }

  refused(): Decision {
    if (!this.#refusal) throw new Error("nothing refused");
    const verdict: Verdict = { verdict: "refuse", refusal: this.#refusal };
    return { arguments: this.#call.arguments, verdict, decidedBy: this.#refusedBy, rules: this.#rules, would: null };
  }

  /** No rule ended it: it waits, or it may run; in observe mode it runs, and what was said is kept. */
  passed({ arguments: args, contract }: Question): Decision {
    const rule = `effect.${contract.effect}`;
    const allow: Verdict = { verdict: "allow", rule };
    const review: Verdict | undefined = this.#wait && { verdict: "review", ...this.#wait };
    const decided = { arguments: args, rules: this.#rules };
    if (!this.#observes)
      return { ...decided, verdict: review ?? allow, decidedBy: this.#wait?.rule ?? rule, would: null };
    const would = this.#refusal ? ({ verdict: "refuse", refusal: this.#refusal } as const) : (review ?? null);
    const decidedBy = this.#refusal ? this.#refusedBy : (this.#wait?.rule ?? rule);
    return { ...decided, verdict: would ? { verdict: "allow", rule: "observe" } : allow, decidedBy, would };
  }
}

function isFrozen(why: string): Refusal {
  const message = `this deployment is frozen: ${why}; nothing runs until an operator thaws it`;
  return { control: "workflow", reason: "frozen", field: "frozen", message };
}

function unknownTool(call: ToolCall): Refusal {
  const message = `there is no tool "${call.tool}" in this deployment; tools that are not named do not exist`;
  return { control: "least-privilege", reason: "unknown_tool", field: call.tool, message };
}

function notPinned(call: ToolCall, { isAbsent }: PolicyContext): Refusal {
  const changed = `the definition of "${call.tool}" changed since it was pinned; see ./ambit tools ls, then tools accept`;
  const gone = `the server no longer offers "${call.tool}"; the tool comes back by itself when the server offers it again`;
  const reason = isAbsent ? "tool_absent" : "tool_quarantined";
  return { control: "least-privilege", reason, field: call.tool, message: isAbsent ? gone : changed };
}
