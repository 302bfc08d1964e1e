// Control `schemas`: what a caller of the OpenAI face may ask. Callers were written for a model, so they bring words that
// would steer one: tools, instructions, a system prompt of their own. Here all of that is the deployment file's. What is
// not listed is refused by its name; what is listed and would change what the agent may do is refused with the reason; what
// common clients always send about sampling and length is read and not followed.
import { z } from "zod";
import { responseIdPattern } from "./openai-id.ts";

const ofFile = "this belongs to the deployment file, not to a caller: leave it out";
const notKept = "this face does not do that: leave it out";

/** A parameter that other services know and that is refused here, with why. Clients send null for what is not set. */
const refused = (why: string) => z.null({ error: why }).optional();
/** Read and not followed. */
const ignored = { number: z.number().nullish(), flag: z.boolean().nullish() };
const metadata = z
  .unknown()
  .refine((value) => isMetadata(value ?? {}), "at most 16 names of 64 characters, each with a text of 512")
  .optional();

/**
 * Messages are read by `readSpoken`: only the last user's words count. Here they are not looked into: zod writes an issue of
 * some hundred bytes for each that is wrong, and half a million of them, in one megabyte of body, end the gate.
 */
export const history = z.array(z.unknown()).min(1);

function isMetadata(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const pairs = Object.entries(value);
  return (
    pairs.length <= 16 &&
    pairs.every(([name, text]) => name.length <= 64 && typeof text === "string" && text.length <= 512)
  );
}

const both = {
  model: z.string().min(1).max(64).describe("name of the deployment"),
  user: z.string().min(1).max(254).nullish().describe("who is speaking; left out, the token itself"),
  stream: z.boolean().nullish(),
  ...{ temperature: ignored.number, top_p: ignored.number, metadata, store: ignored.flag },
  ...{ tools: refused(ofFile), tool_choice: refused(ofFile), parallel_tool_calls: refused(ofFile) },
  ...{ prompt_cache_key: refused(notKept), safety_identifier: refused('say who is speaking as "user"') },
  ...{ service_tier: refused(notKept), top_logprobs: refused(notKept) },
};

/** `POST /v1/chat/completions` */
export const chatRequest = z.strictObject({
  ...both,
  messages: history,
  stream_options: z.strictObject({ include_usage: ignored.flag, include_obfuscation: ignored.flag }).nullish(),
  n: z.literal(1, { error: "there is one answer: leave it out or say 1" }).nullish(),
  logprobs: z.literal(false, { error: notKept }).nullish(),
  response_format: z.strictObject({ type: z.literal("text", { error: "answers are text" }) }).nullish(),
  ...{ max_tokens: ignored.number, max_completion_tokens: ignored.number },
  ...{ presence_penalty: ignored.number, frequency_penalty: ignored.number },
  ...{
    functions: refused(ofFile),
    function_call: refused(ofFile),
    logit_bias: refused(notKept),
    seed: refused(notKept),
  },
  ...{ stop: refused(notKept), modalities: refused(notKept), audio: refused(notKept), prediction: refused(notKept) },
  ...{ reasoning_effort: refused(ofFile), verbosity: refused(ofFile), web_search_options: refused(ofFile) },
});
export type ChatRequest = z.infer<typeof chatRequest>;

/** `POST /v1/responses` */
export const responsesRequest = z.strictObject({
  ...both,
  input: z.union([z.string(), history], { error: "a text, or a list of messages that is not empty" }),
  previous_response_id: z.string().regex(responseIdPattern, "this is no id of a response of this deployment").nullish(),
  stream_options: z.strictObject({ include_obfuscation: ignored.flag }).nullish(),
  max_output_tokens: ignored.number,
  background: z.literal(false, { error: notKept }).nullish(),
  truncation: z.literal("disabled", { error: notKept }).nullish(),
  text: z
    .strictObject({ format: z.strictObject({ type: z.literal("text", { error: "answers are text" }) }).nullish() })
    .nullish(),
  conversation: refused("go on with previous_response_id, or with the header X-Ambit-Thread"),
  ...{
    instructions: refused(ofFile),
    prompt: refused(ofFile),
    reasoning: refused(ofFile),
    max_tool_calls: refused(ofFile),
  },
  include: refused(notKept),
});
export type ResponsesRequest = z.infer<typeof responsesRequest>;
