import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestSchema, type Manifest } from "../manifest/schema.ts";
import { decideDestination, decideModelCall, decidePlan, planEgress } from "./destination.ts";

const manifest = (change: Record<string, unknown> = {}): Manifest =>
  manifestSchema.parse({
    version: 1,
    name: "clerk",
    purpose: "Tests.",
    agent: {
      instructions: "./x.md",
      model: {
        provider: "openai-compatible",
        base_url: "https://api.model.example/v1/",
        name: "m",
        credential: "secret:model",
      },
    },
    servers: {
      erp: { url: "http://127.0.0.1:7411/mcp", credential: { secret: "erp", as: "bearer" }, tools: {} },
      web: { url: "https://mcp.example.com/mcp", tools: {} },
    },
    egress: {
      allow: ["https://api.ecb.europa.eu/data/*", "https://one.example.com/exact", "https://low.example.com:444/*"],
      allow_internal: ["127.0.0.1:7411", "erp.corp:80"],
    },
    ...change,
  });
const plan = planEgress(manifest());

const decide = (method: string, text: string): string => {
  const verdict = decideDestination(plan, method, text);
  if (verdict.verdict === "refuse") return verdict.refusal.reason;
  const { rule, entry, credential } = verdict.value;
  return `${rule} ${entry} ${credential === null ? "-" : `${credential.secret}/${credential.as}`}`;
};

/** Let through by this rule; the twin one step away is refused with this reason or loses the credential. */
const rows: ReadonlyArray<readonly [method: string, good: string, verdict: string, bad: string, refusal: string]> = [
  [
    "POST",
    "http://127.0.0.1:7411/mcp",
    "server erp erp/bearer",
    "http://127.0.0.1:7411/mcp/",
    "allow_internal 127.0.0.1:7411 -",
  ],
  [
    "POST",
    "http://127.0.0.1:7411/mcp",
    "server erp erp/bearer",
    "http://127.0.0.1:7411/mcp?x=1",
    "allow_internal 127.0.0.1:7411 -",
  ],
  [
    "POST",
    "http://127.0.0.1:7411/mcp",
    "server erp erp/bearer",
    "https://127.0.0.1:7411/mcp",
    "allow_internal 127.0.0.1:7411 -",
  ],
  ["POST", "http://127.0.0.1:7411/mcp", "server erp erp/bearer", "http://127.0.0.1:7410/mcp", "url.scheme"],
  ["GET", "https://mcp.example.com/mcp", "server web -", "https://mcp.example.com/other", "host_not_allowed"],
  [
    "GET",
    "https://api.ecb.europa.eu/data/x?y=1",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu/dat",
    "host_not_allowed",
  ],
  [
    "GET",
    "https://api.ecb.europa.eu/data/a/b",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu/data/../x",
    "url.path",
  ],
  [
    "GET",
    "https://api.ecb.europa.eu/data/a",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu/data/%2e%2e/x",
    "url.path",
  ],
  [
    "GET",
    "https://api.ecb.europa.eu/data/a.b",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu/data/..;/x",
    "url.path",
  ],
  [
    "GET",
    "https://api.ecb.europa.eu/data/%20",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu/data/%2Fx",
    "url.path",
  ],
  [
    "GET",
    "https://api.ecb.europa.eu/data/%25",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu/data/%252e%252e/x",
    "url.path",
  ],
  [
    "GET",
    "https://api.ecb.europa.eu/data/x",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu:8443/data/x",
    "host_not_allowed",
  ],
  [
    "GET",
    "https://api.ecb.europa.eu/data/x",
    "allow https://api.ecb.europa.eu/data/* -",
    "https://api.ecb.europa.eu.evil.example/data/x",
    "host_not_allowed",
  ],
  [
    "GET",
    "https://one.example.com/exact",
    "allow https://one.example.com/exact -",
    "https://one.example.com/exactly",
    "host_not_allowed",
  ],
  [
    "GET",
    "https://low.example.com:444/a",
    "allow https://low.example.com:444/* -",
    "https://low.example.com:445/a",
    "port",
  ],
  ["GET", "http://erp.corp/any", "allow_internal erp.corp:80 -", "http://erp.corp:81/any", "url.scheme"],
  ["GET", "http://erp.corp/any", "allow_internal erp.corp:80 -", "https://erp.corp/any", "host.internal-name"],
  [
    "GET",
    "https://one.example.com/exact",
    "allow https://one.example.com/exact -",
    "https://10.0.0.1/exact",
    "private_address",
  ],
];

test("a destination is let through by the rule that names it and refused one step away", () => {
  for (const [method, good, verdict, bad, refusal] of rows) {
    assert.equal(decide(method, good), verdict, good);
    assert.equal(decide(method, bad), refusal, bad);
  }
});

test("methods that tunnel or echo are refused", () => {
  for (const method of ["CONNECT", "TRACE", "OPTIONS", "PROPFIND", "post"]) {
    assert.equal(decide(method, "https://one.example.com/exact"), "method_not_allowed", method);
  }
  assert.equal(decide("HEAD", "https://one.example.com/exact"), "allow https://one.example.com/exact -");
  assert.equal(decide("PUT", "https://mcp.example.com/mcp"), "host_not_allowed");
});

test("the credential of the model goes to one path of the model only", () => {
  const good = decideModelCall(plan, "POST", "/chat/completions");
  assert.ok(good.verdict === "allow");
  assert.equal(good.value.url.href, "https://api.model.example/v1/chat/completions");
  assert.deepEqual(good.value.credential, { secret: "model", as: "bearer" });
  for (const [method, path] of [
    ["GET", "/chat/completions"],
    ["POST", "/chat/completions/"],
    ["POST", "/chat/completions?x"],
    ["POST", "/messages"],
    ["POST", "/files"],
    ["POST", "/../chat/completions"],
  ] as const) {
    const bad = decideModelCall(plan, method, path);
    assert.ok(bad.verdict === "refuse" && bad.refusal.reason === "model_path_not_allowed", `${method} ${path}`);
  }
});

test("an anthropic model is asked at /messages with its own header", () => {
  const model = {
    provider: "anthropic",
    base_url: "https://api.model.example/v1",
    name: "m",
    credential: "secret:model",
  };
  const other = planEgress(manifest({ agent: { instructions: "./x.md", model } }));
  const good = decideModelCall(other, "POST", "/messages");
  assert.ok(good.verdict === "allow");
  assert.deepEqual(good.value.credential, { secret: "model", as: "x-api-key" });
  assert.equal(decideModelCall(other, "POST", "/chat/completions").verdict, "refuse");
});

test("a deployment file with a destination that nothing could reach is refused by the name of its field", () => {
  assert.equal(decidePlan(manifest()).verdict, "allow");
  const fieldOf = (change: Record<string, unknown>): string | undefined => {
    const verdict = decidePlan(manifest(change));
    assert.ok(verdict.verdict === "refuse");
    return `${verdict.refusal.field} ${verdict.refusal.reason}`;
  };
  const servers = { erp: { url: "http://127.0.0.1:7411/mcp", tools: {} } };
  assert.equal(fieldOf({ servers, egress: { allow_internal: [] } }), "servers.erp.url url.scheme");
  assert.equal(
    fieldOf({ egress: { allow: ["https://a.example/*/b"], allow_internal: ["127.0.0.1:7411"] } }),
    "egress.allow.0 rule_without_effect",
  );
  assert.equal(
    fieldOf({ egress: { allow: ["https://10.0.0.1/*"], allow_internal: ["127.0.0.1:7411"] } }),
    "egress.allow.0 address.special",
  );
  assert.equal(
    fieldOf({ egress: { allow_internal: ["127.0.0.1:7411", "999.1.1.1:80"] } }),
    "egress.allow_internal.1 rule_without_effect",
  );
  const model = { provider: "anthropic", base_url: "http://127.0.0.1:1/v1", name: "m" };
  assert.equal(fieldOf({ agent: { instructions: "./x.md", model } }), "agent.model.base_url url.scheme");
});

test("two servers of one URL are refused when their credentials differ, or only one has one, and not when they agree", () => {
  const server = (secret?: string): Record<string, unknown> => ({
    url: "https://mcp.example.com/mcp",
    ...(secret === undefined ? {} : { credential: { secret, as: "bearer" } }),
    tools: {},
  });
  const verdictOf = (read: Record<string, unknown>, write: Record<string, unknown>): string => {
    const verdict = decidePlan(manifest({ servers: { read, write } }));
    return verdict.verdict === "allow" ? "allow" : `${verdict.refusal.field} ${verdict.refusal.reason}`;
  };
  assert.equal(verdictOf(server("reader"), server("writer")), "servers.read.url rule_without_effect");
  assert.equal(verdictOf(server("reader"), server()), "servers.read.url rule_without_effect");
  assert.equal(verdictOf(server("reader"), server("reader")), "allow");
  assert.equal(verdictOf(server(), server()), "allow");
  const elsewhere = { ...server("writer"), url: "https://mcp.example.com/mcp/write" };
  assert.equal(verdictOf(server("reader"), elsewhere), "allow");
});
