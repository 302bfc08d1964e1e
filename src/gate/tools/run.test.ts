// What the broker says of a cut call is believed only as long as the broker remembers: after that, not forwarded is no news.
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { DoorError } from "../door.ts";
import type { ToolServer } from "./mcp.ts";
import { ToolRunner } from "./run.ts";

const day = 86_400_000;
const manifest = manifestSchema.parse({
  ...{ version: 1, name: "ab", purpose: "x" },
  agent: { instructions: "./i.md", model: { provider: "anthropic", base_url: "https://api.example/v1", name: "m" } },
  servers: { erp: { url: "https://erp.example/mcp", tools: { pay: { effect: "reversible" } } } },
});
const release = { v: 1 as const, release: "0", manifest, instructions: "", policy: null, recordFiles: {} };

test("a call that broke while the clock was set ahead is unknown, although the broker knows nothing of it any more", async (t) => {
  t.mock.method(globalThis, "fetch", async () => Response.json({ state: "not_forwarded" }));
  const broken = async () => {
    throw new DoorError("broken", "storage_failed", "the answer could not be kept");
  };
  const server = { call: broken, reset: () => undefined } as unknown as ToolServer;
  const runner = new ToolRunner(release, () => server);
  const call = { callId: "call_00000001", attempt: 1, server: "erp", tool: "pay", arguments: {}, place: "1/1" };
  for (const [began, ended] of [
    [Date.now() - 5 * day, "not_forwarded"],
    [Date.now() - 7 * day, "unknown"],
  ] as const) {
    assert.equal((await runner.run({ ...call, started: began })).ended, ended);
    assert.equal((await runner.recover({ ...call, started: began })).ended, ended);
  }
});
