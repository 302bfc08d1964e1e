// The OpenAI face, `POST /v1/responses`: a turn as a response with one message, whole or as numbered events.
import { formTurnId } from "../../controls/wire/openai-id.ts";
import { approvalPart, type Ended, type Form, type FormStream, type Turned } from "./openai-form.ts";

/** @param previous the response that this one goes on with */
export function responsesForm(previous: string | null): Form {
  return { whole: (turned, ended) => completed(turned, previous, ended), stream: (turned) => stream(turned, previous) };
}

function stream(turned: Turned, previous: string | null): FormStream {
  let sequence_number = 0;
  const event = (type: string, more: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...more })}\n\n`;
  const open = { ...head(turned, previous), status: "in_progress", output: [], usage: null };
  const place = { item_id: formTurnId("msg", turned.thread, turned.turn), output_index: 0, content_index: 0 };
  return {
    begin: () => [
      event("response.created", { response: open }),
      event("response.in_progress", { response: open }),
      event("response.output_item.added", { output_index: 0, item: { ...item(turned, "in_progress"), content: [] } }),
      event("response.content_part.added", { ...place, part: part("") }),
    ],
    piece: (delta) => [event("response.output_text.delta", { ...place, delta, logprobs: [] })],
    *end(ended) {
      yield event("response.output_text.done", { ...place, text: ended.text, logprobs: [] });
      yield event("response.content_part.done", { ...place, part: part(ended.text) });
      yield event("response.output_item.done", { output_index: 0, item: message(turned, ended) });
      yield event("response.completed", { response: completed(turned, previous, ended) });
    },
    fail: ({ error }) => [event("error", { ...error, type: "error" })],
  };
}

function completed(turned: Turned, previous: string | null, ended: Ended): object {
  const { input, output } = ended.usage;
  const usage = {
    ...{ input_tokens: input, input_tokens_details: { cached_tokens: 0 } },
    ...{ output_tokens: output, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: input + output },
  };
  const said = { status: "completed", output: [message(turned, ended)], usage };
  return { ...head(turned, previous), ...said, ...approvalPart(ended.held) };
}

/** What a caller may not choose is said as it is: there are no tools to call for them. */
function head({ deployment, thread, turn, created }: Turned, previous: string | null): object {
  return {
    ...{ id: formTurnId("resp", thread, turn), object: "response", created_at: created, model: deployment },
    ...{ error: null, incomplete_details: null, instructions: null, metadata: {}, previous_response_id: previous },
    ...{ parallel_tool_calls: false, tool_choice: "none", tools: [], temperature: null, top_p: null },
    ...{ max_output_tokens: null, text: { format: { type: "text" } }, truncation: "disabled" },
  };
}

function message(turned: Turned, { text }: Ended): object {
  return { ...item(turned, "completed"), content: [part(text)] };
}

function item({ thread, turn }: Turned, status: "in_progress" | "completed"): object {
  return { id: formTurnId("msg", thread, turn), type: "message", status, role: "assistant" };
}

function part(text: string): object {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}
