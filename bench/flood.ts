// The flood of bench/fairness.ts: new conversations of another user, without end and without heed; ended by whoever
// started it.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({ options: { url: text, token: text, connections: text } });
const headers = { "content-type": "application/json", authorization: `Bearer ${values.token}` };

async function lane(): Promise<void> {
  for (;;) {
    const body = JSON.stringify({ user: "bob", text: "hello", thread: randomUUID() });
    const response = await fetch(values.url, { method: "POST", headers, body }).catch(() => undefined);
    await response?.arrayBuffer().catch(() => undefined);
  }
}

await Promise.all(Array.from({ length: Number(values.connections) }, lane));
