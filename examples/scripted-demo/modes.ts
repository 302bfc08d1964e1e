// Ways to misbehave, chosen by a word in the user's last message, so that tests can see what a model that is broken,
// hostile or badly served does to whoever called it. The words:
//
//   #malformed     once: a tool call whose arguments are not JSON       #cut      the connection breaks inside the answer
//   #unknown-tool  once: calls of tools that were not offered           #429      429 with Retry-After twice, then fine
//   #huge          once: 2 MB of arguments                              #500      always 500
//   #two-calls     once: two reading calls in one step                  #slow     waits 30 s, then fine
//   #endless       always one more reading call                         #usage    usage numbers that cannot be
//   #empty         neither text nor calls                               #garbage  200 with a body that is not JSON
//
// "Once" means the first step of a turn; when a result comes back the turn ends with a short text. #unknown-tool takes
// names and arguments, exactly as written, from each `call the tool NAME with {json}` in the user's message, if there is
// one, and says at the end what became of them.
// The left column is planned here; the right one is done by the server on top of an ordinary plan.
import type { Conversation, OfferedTool, Step } from "./chat.ts";
import { offeredTool } from "./chat.ts";
import { findOrders } from "./obey.ts";
import { explainOutcome } from "./outcome.ts";

const names = [
  "malformed",
  "unknown-tool",
  "huge",
  "two-calls",
  "endless",
  "empty",
  "garbage",
  "cut",
  "429",
  "500",
  "slow",
  "usage",
] as const;

export type Mode = (typeof names)[number];

/** Negative, fractional and enormous: a caller that adds these to a budget unchecked has lost it. */
export const absurdUsage = { prompt_tokens: 999_999_999_999, completion_tokens: -42, total_tokens: 3.5 } as const;

/** The mode a user's message asks for, if any; the first known word wins. */
export function parseMode(text: string): Mode | undefined {
  for (const [, word] of text.matchAll(/(?<!\S)#([a-z0-9-]{1,20})(?![a-z0-9-])/g)) {
    const mode = names.find((name) => name === word);
    if (mode !== undefined) return mode;
  }
  return undefined;
}

/** The step of a mode that shows in the plan; undefined for modes of the server, which plan as usual. */
export function planMode(mode: Mode, conversation: Conversation): Step | undefined {
  if (mode === "empty") return { text: "", calls: [] };
  if (mode === "endless") return { text: "", calls: [readingCall(conversation, 0)] };
  const first = firstStep(mode, conversation);
  if (first === undefined) return undefined;
  const isFirst = !conversation.messages.some(
    (message, at) => at > conversation.turnStart && message.role !== "system",
  );
  if (isFirst) return { text: "", calls: first };
  const made = conversation.exchanges.filter((call) => mode === "unknown-tool" && call.at > conversation.turnStart);
  const ends = made.map((call) => `${call.tool}: ${explainOutcome(call)}.`);
  return { text: [`That was #${mode}.`, ...ends].join(" "), calls: [] };
}

function firstStep(mode: Mode, conversation: Conversation): Step["calls"] | undefined {
  const name = conversation.tools[0]?.name ?? "read_message";
  if (mode === "malformed") return [{ name, arguments: '{"id": "msg_1001", ' }];
  if (mode === "huge") return [{ name, arguments: JSON.stringify({ id: "x".repeat(2_000_000) }) }];
  if (mode === "two-calls") return [readingCall(conversation, 0), readingCall(conversation, 1)];
  if (mode !== "unknown-tool") return undefined;
  const orders = findOrders(conversation.asked).filter((one) => one.kind === "call");
  if (orders.length === 0) return [{ name: "no_such_tool", arguments: "{}" }];
  return orders.map(({ tool, args }) => ({ name: tool, arguments: JSON.stringify(args) }));
}

/** A call that only reads: the `nth` of those offered, else the first tool there is. */
function readingCall(conversation: Conversation, nth: number): Step["calls"][number] {
  const wanted = ["list_inbox", "list_suppliers", "open_invoices", "read_message", "get_invoice"];
  const offered = wanted.map((tool) => offeredTool(conversation, tool)).filter((tool) => tool !== undefined);
  const tool: OfferedTool | undefined = offered[nth % Math.max(offered.length, 1)] ?? conversation.tools[0];
  const args = tool?.properties.includes("id") === true ? { id: "msg_1001" } : {};
  return { name: tool?.name ?? "list_inbox", arguments: JSON.stringify(args) };
}
