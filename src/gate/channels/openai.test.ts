// Room 11, OpenAI face: where a reply is cut, and what a problem is in the shape that clients read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { problemResponse } from "../problem.ts";
import { asOpenAiError, isOpenAiPath } from "./openai-error.ts";
import { cutSegments } from "./segments.ts";

const link = `see https://acme.example/${"a".repeat(500)} and go on`;
const cuts: readonly [name: string, text: string, pieces: number][] = [
  ["nothing", "", 0],
  ["one short line", "hello", 1],
  ["a link that is longer than a piece", link, 1],
  ["short lines", "a\n".repeat(50), 1],
  ["two long lines", `${link}\n${link}`, 2],
  ["only line ends", "\n".repeat(1000), 5],
];
for (const [name, text, pieces] of cuts)
  test(`${name} is cut at line ends only, and nothing is lost`, () => {
    const segments = cutSegments(text);
    assert.equal(segments.join(""), text);
    assert.equal(segments.length, pieces);
    assert.ok(segments.slice(0, -1).every((segment) => segment.endsWith("\n")));
  });

const errors: readonly [status: number, hasKey: boolean, type: string, told: number, retry: string | null][] = [
  [400, false, "invalid_request_error", 400, null],
  [401, false, "authentication_error", 401, null],
  [403, false, "permission_error", 403, null],
  [409, true, "invalid_request_error", 409, "false"],
  [422, false, "invalid_request_error", 400, null],
  [429, false, "rate_limit_error", 429, null],
  [503, true, "server_error", 503, null],
  [503, false, "server_error", 503, "false"],
];
for (const [status, hasKey, type, told, retry] of errors)
  test(`a problem ${status} ${hasKey ? "with" : "without"} a key is told as ${type}`, async () => {
    const problem = problemResponse(status, "some_code", "words", "field", { "retry-after": "5" });
    const answer = await asOpenAiError(problem, hasKey);
    assert.deepEqual([answer.status, answer.headers.get("x-should-retry")], [told, retry]);
    assert.deepEqual(
      [answer.headers.get("retry-after"), answer.headers.get("content-type")],
      ["5", "application/json"],
    );
    assert.deepEqual(await answer.json(), {
      error: { message: "field: words", type, param: "field", code: "some_code" },
    });
  });

test("an answer that is no problem stays as it is", async () => {
  const answer = Response.json({ ok: true });
  assert.equal(await asOpenAiError(answer, false), answer);
});

test("paths beside the OpenAI face keep their problem documents", () => {
  for (const path of ["/v1/chat/completions", "/v1/responses", "/v1/models", "/v1/models/notes"])
    assert.ok(isOpenAiPath(path), path);
  for (const path of ["/v1/messages", "/v1/chat", "/v1/modelsx", "/v1/threads/a/turns/1", "/control/status"])
    assert.ok(!isOpenAiPath(path), path);
});
