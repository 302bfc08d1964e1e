// The OpenAI face, `POST /v1/chat/completions`: a turn as a chat completion, whole or in chunks.
import { formTurnId } from "../../controls/wire/openai-id.ts";
import { approvalPart, type Ended, type Form, type FormStream, type Turned } from "./openai-form.ts";

const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;

/** @param includeUsage whether a stream's last chunk says what the turn cost */
export function chatForm(includeUsage: boolean): Form {
  return { whole, stream: (turned) => streamChunks(turned, includeUsage) };
}

function whole(turned: Turned, { text, usage, held }: Ended): object {
  const message = { role: "assistant", content: text, refusal: null };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  return { ...head(turned, "chat.completion"), choices, usage: usageOf(usage), ...approvalPart(held) };
}

function streamChunks(turned: Turned, includeUsage: boolean): FormStream {
  const fixed = { ...head(turned, "chat.completion.chunk"), ...(includeUsage ? { usage: null } : {}) };
  const chunk = (delta: object, finish_reason: "stop" | null, more: object = {}) =>
    event({ ...fixed, choices: [{ index: 0, delta, logprobs: null, finish_reason }], ...more });
  return {
    begin: () => [chunk({ role: "assistant", content: "" }, null)],
    piece: (content) => [chunk({ content }, null)],
    end: ({ usage, held }) => [
      chunk({}, "stop", approvalPart(held)),
      ...(includeUsage ? [event({ ...fixed, choices: [], usage: usageOf(usage) })] : []),
      "data: [DONE]\n\n",
    ],
    fail: (error) => [event(error)],
  };
}

function head({ deployment, thread, turn, created }: Turned, object: string): object {
  return { id: formTurnId("chatcmpl", thread, turn), object, created, model: deployment };
}

function usageOf({ input, output }: Ended["usage"]): object {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}
