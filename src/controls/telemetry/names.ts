// Every name that a trace carries, in one file. The GenAI names are OpenTelemetry's, still in development there and so pinned:
// semantic-conventions-genai v0.1.0 (github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai), which builds on
// semantic-conventions v1.45.0. What has no name there is under `ambit.`. No name here is for content: what was said, asked
// or answered is not in a trace.

/** Schema that the names above follow. */
export const schemaUrl = "https://opentelemetry.io/schemas/1.45.0";

export const operations = { agent: "invoke_agent", model: "chat", tool: "execute_tool" } as const;

export const names = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  model: "gen_ai.request.model",
  agent: "gen_ai.agent.name",
  conversation: "gen_ai.conversation.id",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  tool: "gen_ai.tool.name",
  callId: "gen_ai.tool.call.id",
  errorType: "error.type",
  service: "service.name",
  /** Ours. */
  turn: "ambit.turn",
  step: "ambit.step",
  server: "ambit.server",
  /** `done`, `failed`, `unknown`, `refused`. */
  outcome: "ambit.call.outcome",
  /** `approved`, `denied`, `expired`, `voided`. */
  decision: "ambit.review.decision",
  microUsd: "ambit.model.micro_usd",
  /** Number of the entry of the gate's audit chain that a span ends with. */
  auditSequence: "ambit.audit.sequence",
} as const;

/** Name of the span of a call that waits for a person. */
export const reviewSpan = "ambit.review";
export const scopeName = "ambit";
