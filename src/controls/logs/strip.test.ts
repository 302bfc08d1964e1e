import assert from "node:assert/strict";
import { test } from "node:test";
import { mark, maxText, stripLine, stripText, stripValue } from "./strip.ts";

const key = "k9Zt4WqLr8Xv2Bn6";

/** What a log might be given, and one step away what it must still show. */
const twins: ReadonlyArray<readonly [what: string, hidden: string, shown: string]> = [
  ["a bearer token", `Authorization: Bearer ${key}`, "the bearer of this letter"],
  ["a scheme of any case", `sent bearer ${key}`, "bearer tok"],
  ["basic authentication", "Basic dXNlcjpwYXNzd29yZA==", "Basic it is"],
  ["a cookie with everything after it", `cookie: a=1; session=${key}`, "the cookie was eaten"],
  ["a header in JSON", `{"authorization":"${key}"}`, '{"author":"amy"}'],
  [
    "a header in JSON in a text",
    `failed with {\\"authorization\\": \\"${key}\\"}`,
    'failed with {\\"host\\": \\"a\\"}',
  ],
  ["a nested member", `{"a":{"b":[{"api_key":"${key}"}]}}`, '{"a":{"b":[{"api":"v1"}]}}'],
  ["JSON in JSON", JSON.stringify({ line: JSON.stringify({ password: key }) }), '{"line":"{\\"word\\":\\"pass\\"}"}'],
  ["a list under the member", `{"set-cookie":["s=${key}"]}`, '{"sets":["s"]}'],
  ["a password in an address", `dial https://amy:${key}@erp.example/v1 failed`, "dial https://erp.example/v1 failed"],
  ["a user alone in an address", `postgres://${key}@db:5432/x`, "postgres://db:5432/x"],
  ["a key in a query", `GET /v1?api_key=${key}&page=2`, "GET /v1?page=2"],
  ["a signature in a query", `https://s3.example/a?X-Amz-Signature=${key}`, "https://s3.example/a?version=3"],
  ["a token in a fragment", `https://app.example/#access_token=${key}`, "https://app.example/#top"],
  ["an OpenAI key", `Incorrect API key provided: sk-proj-${key}`, "the task-4242424242424242 is at risk-free-place"],
  ["a key of a webhook", `whsec_${key}`, "whsec is short for webhook secret"],
  ["a token of ours", `ambit_ch_0123456789ab_${key}`, "ambit_channel"],
  ["a token of GitHub", `ghp_${key}${key}`, "ghp is a prefix"],
  ["a token of Slack", `xoxb-1234567890-${key}`, "xoxb"],
  ["a key of AWS", "AKIAIOSFODNN7EXAMPLE", "AKIA-4"],
  ["a signed token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "eyJust.kidding"],
  [
    "a private key",
    `-----BEGIN RSA PRIVATE KEY-----\n${key}\n-----END RSA PRIVATE KEY-----`,
    "-----BEGIN CERTIFICATE-----",
  ],
  ["a private key that was cut", `-----BEGIN PRIVATE KEY-----\n${key}`, "a private key was missing"],
  ["a key of somebody's in JSON", `{"openai_api_key":"${key}"}`, '{"openai_api":"v1","api_keys":"two"}'],
  ["a password of something in JSON", `{"dbPassword":"${key}"}`, '{"dbPasswordless":"yes","compass":"north"}'],
  ["a token of something in JSON", `{"accessToken":"${key}"}`, '{"tokenId":"a","maxTokens":"12"}'],
  ["a key in capitals in JSON", `{"STRIPE_SECRET":"${key}"}`, '{"SECRET_NAME":"stripe"}'],
  ["a password of something", `dbPassword=${key}`, "dbPassword is wrong"],
  ["a quoted value", `password="${key}"`, 'the word was "pass"'],
  ["a value after a colon", `secret: ${key}`, 'secret "stripe" is not listed under servers.shop.credential'],
];

for (const [what, hidden, shown] of twins) {
  test(`${what} is not written, and its neighbour is`, () => {
    const line = stripLine({ process: "x", line: hidden });
    assert.match(line, /\[secret\]/);
    for (const word of [key, "dXNlcjpwYXNz", "IOSFODNN7", "hbGciOiJIUzI1"]) assert.ok(!line.includes(word), line);
    assert.equal((JSON.parse(stripLine({ line: shown })) as { line: string }).line, shown);
  });
}

test("what an operator looks for is shown: hashes, ids, releases, names, counts", () => {
  const fields = {
    release: "f".repeat(64),
    request: "8f9c1c8e-7d8a-4a6f-9b1e-0e6c8a7d5f10",
    callId: "call_8da47afac961fa7e916dcf1d",
    tokens: 12,
    token: 12,
    url: "http://127.0.0.1:7400",
    why: "EACCES: permission denied, open '/var/lib/ambit/broker/sign.key'",
  };
  assert.deepEqual(JSON.parse(stripLine(fields)), fields);
});

test("an error is written with its cause and without their secrets", () => {
  const error = new TypeError(`fetch failed: https://u:${key}@h/`, { cause: new Error(`Bearer ${key}`) });
  const line = stripLine({ why: error });
  assert.ok(!line.includes(key), line);
  assert.match(line, /"error":"TypeError","message":"fetch failed: https:\/\/\[secret\]@h\/","cause"/);
  assert.ok(!stripText(`Error: x\n    at f (https://u:${key}@h/a.js:1:1)`).includes(key));
});

test("a text of the limit is whole, one character more is cut and says so", () => {
  assert.equal(stripText("x ".repeat(maxText / 2)), "x ".repeat(maxText / 2));
  assert.equal(stripText("y".repeat(maxText + 1)), `${"y".repeat(maxText)}... [${maxText + 1} characters]`);
});

test("a secret is looked for before a text is cut", () => {
  assert.ok(!stripText(`${"x ".repeat(maxText / 2 - 8)}sk-${key}${key}`).includes("sk-"));
});

test("what is deep, long or no JSON is bounded", () => {
  let deep: unknown = key;
  for (let n = 0; n < 50; n++) deep = { a: deep };
  assert.ok(!JSON.stringify(stripValue(deep)).includes(key));
  assert.equal((stripValue(Array.from({ length: 500 }, () => 1)) as unknown[]).length, 101);
  assert.equal(stripValue(undefined), null);
  assert.equal(stripValue(10n), "10");
});

test("characters that a terminal obeys are written as what they are", () => {
  assert.equal(stripLine({ why: "\u001b[2J \u202e x" }), '{"why":"\\u001b[2J \\u202e x"}');
});

test("a line made for patterns that go back is read through once", () => {
  // With a pattern that goes back over what it read, each of these takes minutes.
  const slow = ["a://".repeat(1000), "token".repeat(800), `cookie${" ".repeat(4000)}`, "-----BEGIN ".repeat(300)];
  for (const text of [...slow, "eyJ.".repeat(1000)]) assert.ok(!stripText(text).includes(mark), text.slice(0, 20));
});
