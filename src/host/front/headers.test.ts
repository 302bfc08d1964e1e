// Control `schemas`, `gateway-tokens`: how a request is delimited, and what crosses the front.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answerHeaders, forwardHeaders, parseFraming } from "./headers.ts";

const limits = { headerCount: 100, bodyBytes: 1000 };
const passed = { deployment: "clerk", client: "127.0.0.1", requestId: "r-1" };

interface Case {
  method?: string;
  version?: string;
  headers: string[];
}

function framing({ method = "POST", version = "1.1", headers }: Case) {
  const result = parseFraming(method, version, ["Host", "x", ...headers], limits);
  return "reason" in result ? result.reason : result;
}

const rows: readonly [string, Case, unknown][] = [
  ["a length", { headers: ["Content-Length", "5"] }, { kind: "length", bytes: 5 }],
  ["no length", { headers: [] }, { kind: "length", bytes: 0 }],
  ["chunks", { headers: ["Transfer-Encoding", "Chunked"] }, { kind: "chunked" }],
  ["a length at the cap", { headers: ["Content-Length", "1000"] }, { kind: "length", bytes: 1000 }],
  ["a length over the cap", { headers: ["Content-Length", "1001"] }, "body_too_large"],
  ["a length no number can hold", { headers: ["Content-Length", "9".repeat(30)] }, "bad_framing"],
  ["a signed length", { headers: ["Content-Length", "+5"] }, "bad_framing"],
  ["a negative length", { headers: ["Content-Length", "-5"] }, "bad_framing"],
  ["a hexadecimal length", { headers: ["Content-Length", "0x5"] }, "bad_framing"],
  ["an empty length", { headers: ["Content-Length", ""] }, "bad_framing"],
  ["a list of equal lengths", { headers: ["Content-Length", "5, 5"] }, "bad_framing"],
  ["two equal lengths", { headers: ["Content-Length", "5", "content-length", "5"] }, "bad_framing"],
  ["two lengths", { headers: ["Content-Length", "5", "Content-Length", "6"] }, "bad_framing"],
  ["length and chunks", { headers: ["Content-Length", "5", "Transfer-Encoding", "chunked"] }, "bad_framing"],
  ["chunks twice", { headers: ["Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"] }, "bad_framing"],
  ["chunks and then identity", { headers: ["Transfer-Encoding", "chunked, identity"] }, "bad_framing"],
  ["compressed chunks", { headers: ["Transfer-Encoding", "gzip, chunked"] }, "bad_framing"],
  ["an unknown coding", { headers: ["Transfer-Encoding", "xchunked"] }, "bad_framing"],
  ["chunks in HTTP/1.0", { version: "1.0", headers: ["Transfer-Encoding", "chunked"] }, "bad_framing"],
  ["GET without body", { method: "GET", headers: [] }, { kind: "none" }],
  ["GET with length 0", { method: "GET", headers: ["Content-Length", "0"] }, { kind: "none" }],
  ["GET with a body", { method: "GET", headers: ["Content-Length", "1"] }, "body_not_expected"],
  ["GET with chunks", { method: "GET", headers: ["Transfer-Encoding", "chunked"] }, "body_not_expected"],
  ["HEAD with a body", { method: "HEAD", headers: ["Content-Length", "1"] }, "body_not_expected"],
  ["one Authorization", { headers: ["Authorization", "Bearer a"] }, { kind: "length", bytes: 0 }],
  ["two Authorization headers", { headers: ["Authorization", "Bearer a", "authorization", "Bearer a"] }, "bad_headers"],
  ["two Content-Type headers", { headers: ["Content-Type", "a/b", "Content-Type", "a/c"] }, "bad_headers"],
  ["two idempotency keys", { headers: ["Idempotency-Key", "a", "Idempotency-Key", "b"] }, "bad_headers"],
  ["a thread", { headers: ["X-Ambit-Thread", "th_A-1"] }, { kind: "length", bytes: 0 }],
  ["a thread of 64 characters", { headers: ["X-Ambit-Thread", "a".repeat(64)] }, { kind: "length", bytes: 0 }],
  ["a thread of 65 characters", { headers: ["X-Ambit-Thread", "a".repeat(65)] }, "bad_headers"],
  ["an empty thread", { headers: ["X-Ambit-Thread", ""] }, "bad_headers"],
  ["a thread with a slash", { headers: ["X-Ambit-Thread", "a/b"] }, "bad_headers"],
  ["two threads", { headers: ["X-Ambit-Thread", "a", "x-ambit-thread", "a"] }, "bad_headers"],
  ["two hosts", { headers: ["Host", "y"] }, "bad_headers"],
  ["a control character in a value", { headers: ["X-Note", "a\u0001b"] }, "bad_headers"],
  ["a high byte in a value", { headers: ["X-Note", "a\u00e4b"] }, { kind: "length", bytes: 0 }],
  ["99 more headers", { headers: Array.from({ length: 198 }, () => "x") }, { kind: "length", bytes: 0 }],
  ["100 more headers", { headers: Array.from({ length: 200 }, () => "x") }, "headers_too_large"],
];
for (const [name, given, expected] of rows) {
  const verdict = typeof expected === "string" ? "is refused" : "is read";
  test(`a request with ${name} ${verdict}`, () => assert.deepEqual(framing(given), expected));
}

test("HTTP/1.1 without Host is refused, HTTP/1.0 is not, and a Host with a path in it is refused in both", () => {
  assert.equal("reason" in parseFraming("GET", "1.1", [], limits), true);
  assert.equal("reason" in parseFraming("GET", "1.0", [], limits), false);
  for (const version of ["1.0", "1.1"]) {
    for (const bad of ["a/b", "a..b", "a.b:", "a.b:99999", "a.b, c.d", "xn--a.b", ""])
      assert.equal("reason" in parseFraming("GET", version, ["Host", bad], limits), true, bad);
    assert.equal("reason" in parseFraming("GET", version, ["Host", "a.b:7400"], limits), false);
  }
});

test("what only a proxy may say is taken away, whoever says it, and the front's own words stand alone", () => {
  const hearsay = (
    "Forwarded,Via,X-Forwarded-For,X-Forwarded-Host,X-FORWARDED-PROTO,X-Real-IP,True-Client-IP,CF-Connecting-IP," +
    "Cf-Access-Jwt-Assertion,X-Ambit-Client,X-Ambit-Threads,X-Ambit-User,x-ambit-request-id,X-Ambit-Call,X-AMBIT-anything,X-Original-URL," +
    "X-Rewrite-URL,X-HTTP-Method-Override"
  ).split(",");
  const raw = ["Accept", "a/b", ...hearsay.flatMap((name) => [name, "6.6.6.6"])];
  assert.deepEqual(forwardHeaders(raw, { kind: "none" }, passed), [
    "host",
    "clerk",
    "accept",
    "a/b",
    "x-ambit-request-id",
    "r-1",
    "x-ambit-client",
    "127.0.0.1",
  ]);
});

test("hop-by-hop headers end at the front, those that Connection names too, and framing is written anew", () => {
  const raw = ["Connection", "keep-alive, X-Trace", "X-Trace", "1", "Keep-Alive", "timeout=5", "TE", "trailers"];
  raw.push(
    "Trailer",
    "X-End",
    "Proxy-Authorization",
    "Basic a",
    "Upgrade",
    "h2c",
    "HTTP2-Settings",
    "AA",
    "Expect",
    "100-continue",
  );
  raw.push("Content-Length", "5", "Host", "outside.example", "Authorization", "Bearer a", "Idempotency-Key", "k");
  assert.deepEqual(forwardHeaders(raw, { kind: "length", bytes: 5 }, passed).slice(0, -4), [
    "host",
    "clerk",
    "authorization",
    "Bearer a",
    "idempotency-key",
    "k",
    "content-length",
    "5",
    "expect",
    "100-continue",
  ]);
  const empty = forwardHeaders([], { kind: "length", bytes: 0 }, passed);
  assert.deepEqual(empty.slice(2, -4), ["content-length", "0"]);
  const chunked = forwardHeaders(["Transfer-Encoding", "chunked"], { kind: "chunked" }, passed);
  assert.deepEqual(chunked.slice(2, 6), ["expect", "100-continue", "transfer-encoding", "chunked"]);
});

test("an answer loses Ambit's own headers and hop-by-hop ones, keeps its length, and gains the request id", () => {
  const raw = ["Content-Length", "5", "X-Ambit-Broker", "refused", "x-ambit-request-id", "forged", "Link", "a=1"];
  raw.push("Link", "b=2", "Connection", "close, content-length", "Transfer-Encoding", "chunked");
  assert.deepEqual(answerHeaders(raw, "r-1"), [
    "content-length",
    "5",
    "link",
    "a=1",
    "link",
    "b=2",
    "x-ambit-request-id",
    "r-1",
  ]);
});

test("an answer cannot set what a browser keeps for every deployment of this origin", () => {
  const raw = ["Set-Cookie", "a=b; Path=/", "Clear-Site-Data", '"*"', "Alt-Svc", "h3=1", "X-Note", "kept"];
  assert.deepEqual(answerHeaders(raw, "id"), ["x-note", "kept", "x-ambit-request-id", "id"]);
});

test("of Ambit's own headers a caller's thread crosses to the gate, and a gate's thread back when it is one", () => {
  const sent = forwardHeaders(["X-Ambit-Thread", "t-1", "X-Ambit-Thread-Of", "t-2"], { kind: "none" }, passed);
  assert.deepEqual(sent.slice(2, 4), ["x-ambit-thread", "t-1"]);
  assert.ok(!sent.includes("t-2"));
  const answered = (value: string) => answerHeaders(["X-Ambit-Thread", value, "X-Ambit-User", "amy"], "id");
  assert.deepEqual(answered("t-1"), ["x-ambit-thread", "t-1", "x-ambit-request-id", "id"]);
  for (const value of ["", "a b", "a".repeat(65), "../x"])
    assert.deepEqual(answered(value), ["x-ambit-request-id", "id"]);
});
