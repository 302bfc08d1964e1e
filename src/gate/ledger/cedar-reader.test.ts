// The policies of a release in a gate: what keeps them from being used refuses everything, and a definition that an operator
// accepts later is what they are read with from then on.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as api from "@cedar-policy/cedar-wasm/nodejs";
import type { JsonObject } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { CedarApi } from "../../controls/policy/cedar-api.ts";
import { usedOf } from "../../controls/policy/fixtures/context.ts";
import type { OverlayInput } from "../../controls/policy/overlay.ts";
import { openReader } from "./cedar-reader.ts";
import type { PinStore, SeenTool } from "./pin-store.ts";
import { findPolicyFault, openOverlay, useReader } from "./policy-overlay.ts";

const manifest = manifestSchema.parse({
  ...{ version: 1, name: "ab", purpose: "x", policy: "./rules/own.cedar" },
  agent: { instructions: "./i.md", model: { provider: "anthropic", base_url: "https://api.example/v1", name: "m" } },
  servers: { erp: { url: "https://erp.example/mcp", tools: { note: { effect: "local", authority: ["n"] } } } },
});
const policy = `forbid(principal, action == Action::"note", resource) when { context.args.n > 5 };`;
const releaseOf = (text: string | null): Release => {
  return { v: 1, release: "0".repeat(64), manifest, instructions: "", policy: text, recordFiles: {} };
};

/** Pins as they are now; `seen` of another type has another hash, as every changed definition has. */
function pinned(type: string): SeenTool {
  const schema: JsonObject = { type: "object", properties: { n: { type } }, required: ["n"] };
  return { server: "erp", tool: "note", hash: type, description: "", schema };
}

function storeOf(pins: () => SeenTool[]): PinStore {
  return { all: pins } as unknown as PinStore;
}

function call(n: number): OverlayInput {
  const place = { user: "amy", channel: "api", thread: "api:amy:t", turn: 1, used: usedOf({}), approvals: [] };
  return { server: "erp", tool: "note", arguments: { n }, effect: "local", impact: "none", ...place };
}

test("a release without policies has no overlay and no fault", () => {
  assert.equal(
    openOverlay(
      releaseOf(null),
      storeOf(() => []),
    ),
    undefined,
  );
  assert.equal(findPolicyFault(releaseOf(null), []), undefined);
});

test("a gate that was started without Cedar refuses every call of a release with policies, and its deploy", () => {
  const overlay = openOverlay(
    releaseOf(""),
    storeOf(() => []),
  );
  assert.match(overlay?.decide(call(1))?.message ?? "", /started without Cedar/);
  assert.match(findPolicyFault(releaseOf(""), [])?.message ?? "", /started without Cedar/);
});

test("a fault at deploy names the file as the deployment file does, and the field", () => {
  useReader(openReader(api));
  const fault = findPolicyFault(releaseOf(policy.replace("args.n ", "args.m ")), [pinned("integer")]);
  assert.equal(fault?.field, "policy.cedar");
  assert.match(fault?.message ?? "", /^rules\/own\.cedar:1:62: attribute `args\.m` .* did you mean `n`\?/);
  assert.equal(findPolicyFault(releaseOf(policy), [pinned("integer")]), undefined);
  assert.match(findPolicyFault(releaseOf(policy), [pinned("string")])?.message ?? "", /expected Long but saw String/);
});

test("policies are read with the definition that is pinned, and refuse everything while they do not fit it", () => {
  let pins = [pinned("integer")];
  const overlay = openOverlay(
    { ...releaseOf(policy), release: "1".repeat(64) },
    storeOf(() => pins),
  );
  const reasons = () => [5, 6].map((n) => overlay?.decide(call(n))?.reason);
  assert.deepEqual(reasons(), [undefined, "forbidden_by_policy"]);
  pins = [pinned("string")];
  assert.deepEqual(reasons(), ["policy_failed", "policy_failed"]);
  assert.match(
    overlay?.decide(call(5))?.message ?? "",
    /cannot be used, so nothing may happen: rules\/own\.cedar:1:62/,
  );
  pins = [pinned("integer")];
  assert.deepEqual(reasons(), [undefined, "forbidden_by_policy"]);
});

test("a Cedar that breaks off while it reads refuses everything", () => {
  const odd = { ...api, preparsePolicySet: () => assert.fail("unreachable") } as unknown as CedarApi;
  const overlay = openReader(odd).open(releaseOf(policy), policy, [pinned("integer")]);
  assert.match(overlay.decide(call(1))?.message ?? "", /nothing may happen: unreachable/);
});
