// Control `audit`: the trace of a client, as W3C Trace Context (version 00) says it. A stranger chooses it: it is taken in exactly
// this form or not at all, and is a link and never a parent, so that nobody puts spans into a trace of ours or names its id.

export interface Link {
  readonly traceId: string;
  readonly spanId: string;
}

/** Undefined for everything that is not exactly a traceparent. */
export function parseTraceparent(value: unknown): Link | undefined {
  const [, traceId, spanId] =
    (typeof value === "string" && /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(value)) || [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId };
}
