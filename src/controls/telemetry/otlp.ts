// Spans as OTLP/HTTP wants them in JSON (opentelemetry-proto 1.x, docs/specification.md: ids in hex, times in nanoseconds as
// text, enumerations as numbers). By hand: the official packages record what a process does while it does it and bring
// eight packages for that; here finished spans with ids of their own become JSON, once.
import { names, schemaUrl, scopeName } from "./names.ts";
import type { Attributes, Span } from "./turn-trace.ts";

const kinds = { internal: 1, client: 3 } as const;
const statusError = 2;

/** The body of `POST /v1/traces`. */
export function otlpRequest(spans: readonly Span[]): object {
  const resource = { attributes: attributesOf({ [names.service]: "ambit" }) };
  const scopeSpans = [{ scope: { name: scopeName }, spans: spans.map(spanOf), schemaUrl }];
  return { resourceSpans: [{ resource, scopeSpans, schemaUrl }] };
}

function spanOf(span: Span): object {
  const { traceId, spanId, parentId, name, kind, start, end, attributes, error, links } = span;
  return {
    ...{ traceId, spanId, name, kind: kinds[kind] },
    ...(parentId === null ? {} : { parentSpanId: parentId }),
    startTimeUnixNano: nanos(start),
    endTimeUnixNano: nanos(Math.max(start, end)),
    attributes: attributesOf(error === null ? attributes : { ...attributes, [names.errorType]: error }),
    ...(links.length === 0 ? {} : { links: links.map((link) => ({ ...link })) }),
    status: error === null ? {} : { code: statusError, message: error },
  };
}

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
  }));
}

function nanos(ms: number): string {
  return Number.isFinite(ms) && ms > 0 ? `${Math.trunc(ms)}000000` : "0";
}
