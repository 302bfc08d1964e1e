// What a hostile model says, as data: its answer, how often it may be asked, and what the user is told.
import type { ServerResponse } from "node:http";
import { sayJson, sayWords, wholeAnswer, wishOnce, type ModelAnswer, type WishedCall } from "./hostile-model.ts";

export interface BadModel {
  readonly name: string;
  readonly answer: ModelAnswer;
  /** How often it is asked in one turn. */
  readonly asked: number;
  readonly reply: RegExp;
  /** Why the turn was closed; null when it was answered. */
  readonly why: "model_failed" | "limit_reached" | null;
  /** What the audit says of calls. */
  readonly calls?: readonly string[];
}

const act: WishedCall = { name: "act", arguments: '{"n":2}' };
const escapes = "\u001b[2J\u001b[31mred\r\nambit: approved by root\u2028\u202e\u0085";
const json = { "content-type": "application/json" };

export const badModels: readonly BadModel[] = [
  {
    name: "answers with a web page",
    answer: web,
    asked: 4,
    reply: /^I could not answer: .* was not understood/,
    why: "model_failed",
  },
  {
    name: "answers with an empty body",
    answer: (to) => void to.writeHead(200, json).end(),
    asked: 4,
    reply: /not understood/,
    why: "model_failed",
  },
  {
    name: "answers with other JSON",
    answer: (to) => sayJson(to, [1]),
    asked: 4,
    reply: /not understood/,
    why: "model_failed",
  },
  {
    name: "sends arguments that are no text",
    answer: objectArguments,
    asked: 4,
    reply: /not understood/,
    why: "model_failed",
  },
  { name: "breaks off in the middle", answer: cut, asked: 4, reply: /broke off/, why: "model_failed" },
  {
    name: "closes without a word",
    answer: (to) => to.destroy(),
    asked: 4,
    reply: /no whole answer came|did not answer/,
    why: "model_failed",
  },
  { name: "fails", answer: status(500), asked: 4, reply: /answered 500: \ufffd/, why: "model_failed" },
  {
    name: "turns away without end",
    answer: status(429, { "retry-after": "3600" }),
    asked: 1,
    reply: /answered 429/,
    why: "model_failed",
  },
  { name: "turns away twice", answer: turnAwayTwice(), asked: 3, reply: /^fine$/, why: null },
  { name: "refuses", answer: status(400), asked: 1, reply: /answered 400/, why: "model_failed" },
  {
    name: "redirects",
    answer: redirect,
    asked: 1,
    reply: /answered 302, a redirect, which is not followed/,
    why: "model_failed",
  },
  { name: "announces 50 MB", answer: announce, asked: 1, reply: /more than 8388608 bytes/, why: "model_failed" },
  { name: "answers 50 MB", answer: flood, asked: 4, reply: /is over 8388608 bytes/, why: "model_failed" },
  { name: "answers two million objects", answer: objects, asked: 1, reply: /too many values/, why: "model_failed" },
  { name: "drips a byte a second", answer: drip, asked: 1, reply: /did not answer in time/, why: "model_failed" },
  { name: "never answers", answer: () => undefined, asked: 1, reply: /did not answer in time/, why: "model_failed" },
  { name: "says nothing", answer: sayWords(""), asked: 1, reply: /^The model gave no answer\.$/, why: null },
  {
    ...{ name: "wants 20 calls at once", answer: wishOnce(Array.from({ length: 20 }, () => act)), asked: 1 },
    ...{ reply: /20 calls at once; at most 16/, why: "model_failed" },
  },
  {
    ...{
      name: "calls without end",
      answer: wishAlways,
      asked: 4,
      reply: /took 4 steps, the limit \(limits\.steps_per_turn\)/,
    },
    ...{ why: "limit_reached", calls: Array.from({ length: 4 }, () => ["call_admitted", "call_done"]).flat() },
  },
  {
    ...{
      name: "reports a trillion tokens",
      answer: wishDearly,
      asked: 1,
      reply: /used its 60000 tokens/,
      why: "limit_reached",
    },
    calls: ["call_admitted", "call_done"],
  },
  {
    ...{
      name: "sends arguments of 2 MB",
      answer: wishOnce([{ name: "act", arguments: `{"n":"${"x".repeat(2_000_000)}"}` }]),
    },
    ...{ asked: 1, reply: /used its 60000 tokens/, why: "limit_reached", calls: ["call_refused: bad_arguments"] },
  },
];

/** Each is one step away from `act` with `{"n":1}`. */
export const wishesNobodyGrants: readonly (readonly [name: string, wish: WishedCall, reason: string])[] = [
  ["with arguments that are no JSON", { name: "act", arguments: '{"n":1' }, "bad_arguments"],
  ["with a list of arguments", { name: "act", arguments: "[1]" }, "bad_arguments"],
  ["with null for arguments", { name: "act", arguments: "null" }, "bad_arguments"],
  ["with one argument too many", { name: "act", arguments: '{"n":1,"m":1}' }, "bad_arguments"],
  ["with an argument left out", { name: "act", arguments: "{}" }, "bad_arguments"],
  [
    "with an argument of 100,001 characters",
    { name: "act", arguments: `{"n":"${"x".repeat(100_001)}"}` },
    "bad_arguments",
  ],
  ["with a number beyond numbers", { name: "act", arguments: '{"n":1e999}' }, "bad_arguments"],
  ["with half a character", { name: "act", arguments: '{"n":"\\ud800"}' }, "bad_arguments"],
  ["with a prototype", { name: "act", arguments: '{"__proto__":{"n":1},"n":1}' }, "bad_arguments"],
  [
    "with 20,000 levels",
    { name: "act", arguments: `{"n":${"[".repeat(20_000)}${"]".repeat(20_000)}}` },
    "bad_arguments",
  ],
  ["for a tool of another name", { name: "Act", arguments: '{"n":1}' }, "unknown_tool"],
  ["for a tool without a name", { name: "", arguments: '{"n":1}' }, "unknown_tool"],
  ["for a tool of the prototype", { name: "__proto__", arguments: '{"n":1}' }, "unknown_tool"],
  ["for a tool with escapes in its name", { name: escapes, arguments: '{"n":1}' }, "unknown_tool"],
  ["for a tool with a name of 5000 characters", { name: "a".repeat(5000), arguments: '{"n":1}' }, "unknown_tool"],
  ["for a tool with half a character in its name", { name: "act\ud800", arguments: '{"n":1}' }, "unknown_tool"],
];

function web(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/html" }).end("<html><body>It works!</body></html>");
}

function status(code: number, headers: Record<string, string> = {}): ModelAnswer {
  return (response) => sayJson(response, { error: { message: escapes, type: "x", code: "x" } }, code, headers);
}

function turnAwayTwice(): ModelAnswer {
  let times = 0;
  return (response, request) => {
    times += 1;
    (times <= 2 ? status(429, { "retry-after": "1" }) : sayWords("fine"))(response, request);
  };
}

function redirect(response: ServerResponse): void {
  response.writeHead(302, { location: "/v1/chat/completions" }).end();
}

function cut(response: ServerResponse): void {
  response.writeHead(200, { ...json, "content-length": 1000 });
  response.write('{"choices":[', () => response.destroy());
}

function announce(response: ServerResponse): void {
  response.writeHead(200, { ...json, "content-length": 50_000_000 }).write("{");
}

function flood(response: ServerResponse): void {
  const piece = "x".repeat(1_000_000);
  let left = 50;
  response.writeHead(200, json).write('{"choices":"');
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= 1;
      if (!response.write(piece)) return void response.once("drain", more);
    }
    response.end('"}');
  };
  more();
}

function objects(response: ServerResponse): void {
  response.writeHead(200, json).end(`{"choices":[${"{},".repeat(2_000_000)}{}]}`);
}

function drip(response: ServerResponse): void {
  response.writeHead(200, json);
  const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write(" ")), 1000);
}

function objectArguments(response: ServerResponse): void {
  const calls = [{ id: "wish", type: "function", function: { name: "act", arguments: { n: 3 } } }];
  sayJson(response, wholeAnswer({ role: "assistant", content: null, tool_calls: calls }));
}

function wishAlways(response: ServerResponse): void {
  const calls = [{ id: "wish", type: "function", function: act }];
  sayJson(response, wholeAnswer({ role: "assistant", content: null, tool_calls: calls }));
}

function wishDearly(response: ServerResponse): void {
  const usage = { prompt_tokens: 999_999_999_999, completion_tokens: -42, total_tokens: 3.5 };
  const calls = [{ id: "wish", type: "function", function: act }];
  sayJson(response, wholeAnswer({ role: "assistant", content: null, tool_calls: calls }, { usage }));
}
