// What became of a call, as the scripted model understands it. Only a result that looks like success counts as done:
// a model that took a refusal for a payment would lie to the person it works for.
import type { Exchange } from "./chat.ts";
import { recordsIn } from "./reading.ts";

export type Outcome = "done" | "held" | "refused" | "unknown";

const proofs = new Map([
  ["pay_invoice", "payment_id"],
  ["send_mail", "mail_id"],
  ["grant_access", "change_id"],
  ["grant_privileged", "change_id"],
  ["revoke_access", "change_id"],
  ["publish_notice", "notice_id"],
  ["send_message", "message_id"],
]);

/** Judges a result: `done` needs the number that the tool gives out; of other tools, any result without a word of refusal. */
export function outcomeOf(call: Exchange): Outcome {
  const result = call.result ?? "";
  const proof = proofs.get(call.tool);
  if (proof !== undefined && recordsIn(result, [proof]).length > 0) return "done";
  if (/\bnot known\b|\boutcome unknown\b/i.test(result) || result === "") return "unknown";
  if (/\b(?:denied|refused|rejected|forbidden|not allowed|expired|error)\b/i.test(result)) return "refused";
  if (/\b(?:held|on hold|waits?|waiting|pending|approval|approve)\b/i.test(result)) return "held";
  return proof === undefined ? "done" : "refused";
}

const maxReasonChars = 200;

/** As `describeOutcome`; of a refusal also what was said, so that whoever reads the answer learns why. */
export function explainOutcome(call: Exchange): string {
  const words = describeOutcome(call);
  const said = (call.result ?? "").split("\n", 1)[0]?.slice(0, maxReasonChars) ?? "";
  return outcomeOf(call) === "refused" ? `${words} ("${said}")` : words;
}

/** The outcome in a few words for a person. */
export function describeOutcome(call: Exchange): string {
  const words = {
    done: "done",
    held: "waiting for a person to decide",
    refused: "refused",
    unknown: "outcome not known",
  };
  return words[outcomeOf(call)];
}
