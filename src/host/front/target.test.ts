// Control `schemas`: every path that is served has refused twins one step away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTarget } from "./target.ts";

const gate = (path: string) => ({ kind: "gate", deployment: "payables-clerk", path });

const served: readonly [string, string, object][] = [
  ["GET", "/healthz", { kind: "health" }],
  ["HEAD", "/healthz", { kind: "health" }],
  ["GET", "/readyz", { kind: "health" }],
  ["POST", "/d/payables-clerk/v1/messages", gate("/v1/messages")],
  ["GET", "/d/payables-clerk/v1/threads/A_b-9/turns/1?wait=30000", gate("/v1/threads/A_b-9/turns/1?wait=30000")],
  ["GET", "/d/payables-clerk/v1/a?q=%2e%2e%2fcontrol", gate("/v1/a?q=%2e%2e%2fcontrol")],
  ["GET", "/d/payables-clerk/v1/a..b", gate("/v1/a..b")],
  ["GET", `/d/${"a".repeat(40)}/v1/x`, { kind: "gate", deployment: "a".repeat(40), path: "/v1/x" }],
];
for (const [method, target, route] of served) {
  test(`${method} ${target.slice(0, 60)} is served`, () => assert.deepEqual(parseTarget(method, target, 2048), route));
}

const refused: readonly [string, string, string][] = [
  ["POST", "/healthz", "method_not_allowed"],
  ["POST", "/readyz", "method_not_allowed"],
  ["GET", "/readyz?verbose", "not_found"],
  ["GET", "/healthz?x", "not_found"],
  ["GET", "/healthz/", "bad_target"],
  ["GET", "/", "not_found"],
  ["GET", "/d/payables-clerk/control/approvals", "not_found"],
  ["GET", "/d/payables-clerk/v1", "not_found"],
  ["GET", "/d/payables-clerk/v1/", "bad_target"],
  ["GET", "/d/payables-clerk/v2/messages", "not_found"],
  ["GET", "/d/payables-clerk/V1/messages", "not_found"],
  ["GET", "/D/payables-clerk/v1/messages", "not_found"],
  ["GET", "/d/payables-clerk", "not_found"],
  ["GET", "/v1/messages", "not_found"],
  ["GET", "/d//v1/messages", "bad_target"],
  ["GET", "//d/payables-clerk/v1/messages", "bad_target"],
  ["GET", "/d/payables-clerk//v1/messages", "bad_target"],
  ["GET", "/d/payables-clerk/v1//messages", "bad_target"],
  ["GET", "/d/payables-clerk/v1/../control/status", "bad_target"],
  ["GET", "/d/payables-clerk/v1/./messages", "bad_target"],
  ["GET", "/d/payables-clerk/v1/..", "bad_target"],
  ["GET", "/d/payables-clerk/v1/%2e%2e/control/status", "bad_target"],
  ["GET", "/d/payables-clerk/v1/%2E%2E%2Fcontrol", "bad_target"],
  ["GET", "/d/payables-clerk/v1%2fmessages", "bad_target"],
  ["GET", "/d/payables-clerk/v1/a%00", "bad_target"],
  ["GET", "/d/payables-clerk/v1/%6dessages", "bad_target"],
  ["GET", "/d/payables-clerk\\v1\\messages", "bad_target"],
  ["GET", "/d/payables-clerk/v1/..\\control", "bad_target"],
  ["GET", "/d/payables-clerk/v1/..;/control", "bad_target"],
  ["GET", "/d/payables-clerk/v1/messages#x", "bad_target"],
  ["GET", "/d/payables-clerk/v1/messages?a=b#x", "bad_target"],
  ["GET", "/d/payables-clerk/v1/mess\u00e4ges", "bad_target"],
  ["GET", "/d/payables-clerk/v1/messages?a=\\", "bad_target"],
  ["GET", "/d/payables-clerk/v1/messages?a=\u00ff", "bad_target"],
  ["GET", "/d/../d/payables-clerk/v1/messages", "bad_target"],
  ["GET", "/d/Payables-clerk/v1/messages", "not_found"],
  ["GET", "/d/payables_clerk/v1/messages", "not_found"],
  ["GET", "/d/payables-clerk-/v1/messages", "not_found"],
  ["GET", `/d/${"a".repeat(41)}/v1/x`, "not_found"],
  ["GET", "http://127.0.0.1/d/payables-clerk/v1/messages", "bad_target"],
  ["GET", "*", "bad_target"],
  ["GET", "", "bad_target"],
  ["GET", "d/payables-clerk/v1/messages", "bad_target"],
  ["PUT", "/d/payables-clerk/v1/messages", "method_not_allowed"],
  ["DELETE", "/d/payables-clerk/v1/messages", "method_not_allowed"],
  ["OPTIONS", "/d/payables-clerk/v1/messages", "method_not_allowed"],
  ["TRACE", "/d/payables-clerk/v1/messages", "method_not_allowed"],
  ["OPTIONS", "*", "bad_target"],
];
for (const [method, target, reason] of refused) {
  test(`${method} ${target.slice(0, 60)} is refused: ${reason}`, () => {
    const route = parseTarget(method, target, 2048);
    assert.equal("reason" in route && route.reason, reason);
  });
}

test("a target of 2048 bytes is served, of 2049 refused", () => {
  const start = "/d/payables-clerk/v1/";
  assert.ok("kind" in parseTarget("GET", start + "a".repeat(2048 - start.length), 2048));
  const route = parseTarget("GET", start + "a".repeat(2049 - start.length), 2048);
  assert.equal("reason" in route && route.reason, "target_too_long");
});

test("a target made to be slow to match is refused at once", () => {
  const started = process.cpuUsage();
  assert.ok("reason" in parseTarget("GET", `${"/a".repeat(1_000_000)}!`, 10_000_000));
  assert.ok(process.cpuUsage(started).user / 1000 < 500);
});

test("at a deployment's own host name a path needs no name in it, and names no other deployment", () => {
  const rows: readonly [string, string, object | string][] = [
    ["POST", "/v1/messages?a=b", gate("/v1/messages?a=b")],
    ["POST", "/d/payables-clerk/v1/messages", gate("/v1/messages")],
    ["GET", "/healthz", { kind: "health" }],
    ["GET", "/d/other/v1/messages", "not_found"],
    ["GET", "/v1", "not_found"],
    ["GET", "/v2/messages", "not_found"],
    ["GET", "/control/approvals", "not_found"],
    ["GET", "/v1/../control/approvals", "bad_target"],
    ["GET", "/v1//messages", "bad_target"],
    ["GET", "/v1/%2e%2e/control", "bad_target"],
    ["PUT", "/v1/messages", "method_not_allowed"],
  ];
  for (const [method, target, expected] of rows) {
    const route = parseTarget(method, target, 2048, "payables-clerk");
    assert.deepEqual("reason" in route ? route.reason : route, expected, target);
  }
});
