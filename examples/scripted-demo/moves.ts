// What the plans of the scripted model are made of: look something up, make a call once, say something and end. Pure; what
// was already done stands in the conversation, so a plan is written as if it ran from its top each time.
import type { Conversation, Exchange, JsonObject, Step } from "./chat.ts";
import { callOf } from "./chat.ts";
import { describeOutcome } from "./outcome.ts";
import { recordsIn } from "./reading.ts";

/** The record a look-up found, or the step to take instead: the look-up itself, or an end with the reason. */
export function lookUp(
  conversation: Conversation,
  tool: string,
  by: string | JsonObject,
  keys: string[],
): JsonObject | Step {
  const args = typeof by === "string" ? { id: by } : by;
  const call = once(conversation, tool, args);
  if (isStep(call)) return call;
  return (
    recordsIn(call.result ?? "", keys)[0] ??
    say(
      `I asked ${tool} for ${Object.values(args).join(", ")} (${describeOutcome(call)}) but have nothing to work with, so I stop.`,
    )
  );
}

/** The call as already made this turn, or the step that makes it now, or an end when the tool is not offered. */
export function once(conversation: Conversation, tool: string, args: JsonObject): Exchange | Step {
  const made = callsThisTurn(conversation, tool).find(
    (call) => args["id"] === undefined || call.args["id"] === args["id"],
  );
  if (made !== undefined) return made;
  const call = callOf(conversation, tool, args);
  return call === undefined ? say(`I have no tool ${tool} here, so I stop.`) : { text: "", calls: [call] };
}

function callsThisTurn({ exchanges, turnStart }: Conversation, tool: string): Exchange[] {
  return exchanges.filter((call) => call.at > turnStart && call.tool === tool);
}

/** Whether there is a step to take, rather than something to go on with. */
export function isStep(value: JsonObject | Exchange | Step): value is Step {
  return Object.hasOwn(value, "calls") && Object.hasOwn(value, "text");
}

/** An end: these words and no call. */
export function say(text: string): Step {
  return { text, calls: [] };
}
