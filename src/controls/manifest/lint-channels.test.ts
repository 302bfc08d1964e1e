// A secret that signs and is also sent out, each beside the file one name away in which it is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lintManifest } from "./lint.ts";
import { manifestSchema } from "./schema.ts";

const model = { provider: "anthropic", base_url: "https://api.example.com/v1", name: "m" };
const base = {
  ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model } },
  channels: { webhook: { users: ["amy"], secret: "hooks" } },
};
const lint = (more: object) => lintManifest(manifestSchema.parse({ ...base, ...more }));
const asModel = (secret: string): object => ({
  agent: { instructions: "./i.md", model: { ...model, credential: `secret:${secret}` } },
});
const asServer = (secret: string): object => ({
  servers: { erp: { url: "https://erp.example.com/mcp", credential: { secret, as: "bearer" }, tools: {} } },
});

for (const [name, of, where] of [
  ["the model", asModel, "agent.model.credential"],
  ["a tool server", asServer, "servers.erp.credential"],
] as const) {
  test(`a secret that signs webhooks and is sent to ${name} is an error`, () => {
    const found = lint(of("hooks"));
    assert.deepEqual(
      found.map(({ level, field }) => [level, field]),
      [["error", "channels.webhook.secret"]],
    );
    assert.match(
      found[0]?.message ?? "",
      new RegExp(`"hooks" is also ${where.replaceAll(".", "\\.")}, which is sent out`),
    );
    assert.deepEqual(lint(of("hooks2")), []);
  });
}

test("without the channel a secret is nobody's signature", () => {
  assert.deepEqual(lint({ ...asServer("hooks"), channels: { api: { users: ["amy"] } } }), []);
});
