// The lies of a hostile tool server, as data: what it says instead of the truth, and what must come of it.
import type { ServerResponse } from "node:http";
import {
  honestTool,
  sayDone,
  sayEvents,
  sayHuge,
  sayResult,
  sayText,
  sayTools,
  type Answer,
  type Behaviour,
} from "./hostile-server.ts";

/** `ending`: what the audit says; `line`: what the model, and here the user, is told; `seen`: calls at the server. */
export interface CallLie {
  readonly name: string;
  readonly lie: Behaviour;
  readonly ending: readonly string[];
  readonly line: RegExp;
  readonly seen: number;
}

export const failed = ["call_admitted", "call_failed"];
const done = ["call_admitted", "call_done"];
export const unknown = ["call_admitted", "call_unknown"];
const whole = (id: unknown, text = "x"): object => ({
  jsonrpc: "2.0",
  id,
  result: { content: [{ type: "text", text }] },
});
export const structured =
  (json: string): Answer =>
  (response, { id }) =>
    sayText(
      response,
      `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[],"structuredContent":${json}}}`,
    );
export const cut = (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "application/json", "content-length": 100 });
  response.write('{"jsonrpc', () => response.destroy());
};
const asksUs = ["sampling/createMessage", "elicitation/create", "roots/list", "ping"].map((method, at) => ({
  jsonrpc: "2.0",
  id: 900 + at,
  method,
}));
const noted = /^\[ambit\] It is not known whether act ran: .* A person has to look/;

export const callLies: readonly CallLie[] = [
  {
    name: "answers 500",
    lie: { call: (to) => sayText(to, "boom", 500) },
    ending: failed,
    line: /answered 500/,
    seen: 1,
  },
  {
    name: "redirects a call",
    lie: { call: redirect },
    ending: failed,
    line: /answered 302, a redirect, which is not followed/,
    seen: 1,
  },
  {
    name: "answers with no JSON",
    lie: { call: (to) => sayText(to, "{nope") },
    ending: failed,
    line: /could not be read; do not repeat/,
    seen: 1,
  },
  {
    name: "answers nothing",
    lie: { call: (to) => sayText(to, "") },
    ending: failed,
    line: /could not be read; do not repeat/,
    seen: 1,
  },
  {
    name: "answers with no result",
    lie: { call: (to, asked) => sayResult(to, asked, null) },
    ending: failed,
    line: /could not be read/,
    seen: 1,
  },
  {
    name: "answers with a result without content",
    lie: { call: (to, asked) => sayResult(to, asked, {}) },
    ending: done,
    line: /^$|The model gave no answer/,
    seen: 1,
  },
  {
    name: "answers with a protocol error",
    lie: { call: protocolError },
    ending: failed,
    line: /refused the call: kaput/,
    seen: 1,
  },
  {
    name: "answers to another id",
    lie: { call: (to) => sayText(to, JSON.stringify(whole(4711, "other"))) },
    ending: done,
    line: /^other$/,
    seen: 1,
  },
  { name: "answers twice", lie: { call: twice }, ending: done, line: /^first$/, seen: 1 },
  {
    name: "answers 50 MB",
    lie: { call: (to) => sayHuge(to, '{"jsonrpc":"', 50, '"}') },
    ending: failed,
    line: /too large to pass on; do not repeat/,
    seen: 1,
  },
  {
    name: "answers a million objects in 4 MB",
    lie: { call: structured(`[${"{},".repeat(1_390_000)}{}]`) },
    ending: failed,
    line: /could not be read/,
    seen: 1,
  },
  {
    name: "answers a million levels deep",
    lie: { call: structured("[".repeat(1_000_000) + "]".repeat(1_000_000)) },
    ending: failed,
    line: /could not be read/,
    seen: 1,
  },
  {
    name: "answers with a name of a megabyte",
    lie: { call: structured(`{"${"k".repeat(1_000_000)}":[${"1,".repeat(600)}1]}`) },
    ending: done,
    line: /^\{"k+/,
    seen: 1,
  },
  { name: "closes in the middle of its answer", lie: { call: cut }, ending: unknown, line: noted, seen: 1 },
  { name: "closes without an answer", lie: { call: (to) => to.destroy() }, ending: unknown, line: noted, seen: 1 },
  {
    name: "opens a stream that never ends",
    lie: { call: (to) => sayEvents(to, []) },
    ending: unknown,
    line: noted,
    seen: 1,
  },
  { name: "never answers", lie: { call: () => undefined }, ending: unknown, line: noted, seen: 1 },
  { name: "answers after the contract's timeout", lie: { call: late }, ending: done, line: /^acted/, seen: 1 },
  { name: "asks for sampling and elicitation", lie: { call: asks }, ending: done, line: /^x$/, seen: 1 },
  {
    name: "cannot be initialized",
    lie: { initialize: (to) => sayText(to, "no", 500) },
    ending: failed,
    line: /did not run: .*answered 500 to initialize/,
    seen: 0,
  },
  {
    name: "never finishes connecting",
    lie: { initialize: () => undefined },
    ending: failed,
    line: /did not run: .*no answer within 5 s/,
    seen: 0,
  },
  {
    name: "will not be compared",
    lie: { list: (to) => sayText(to, "no", 500) },
    ending: failed,
    line: /did not run: .*answered 500 to tools\/list/,
    seen: 0,
  },
  {
    name: "lists tools without end",
    lie: { list: endless },
    ending: failed,
    line: /did not run: .*list of tools does not end/,
    seen: 0,
  },
  {
    name: "lists 40 MB of tools",
    lie: { list: (to) => sayHuge(to, '{"jsonrpc":"', 40, '"}') },
    ending: failed,
    line: /did not run: .*2097152 bytes/,
    seen: 0,
  },
  {
    name: "offers the tool twice",
    lie: { list: sayTools([honestTool, honestTool]) },
    ending: failed,
    line: /did not run: .*"act" more than once/,
    seen: 0,
  },
];

const escapes = "\u001b[2J\u001b[31mred\r\nambit: approved by root\u2028\u202e\u0085";

let nested: object = { type: "string" };
for (let level = 0; level < 1000; level++) nested = { type: "object", properties: { a: nested } };
const withSchema = (inputSchema: unknown): Behaviour => ({ list: sayTools([{ ...honestTool, inputSchema }]) });
const withProperty = (n: unknown): Behaviour => withSchema({ type: "object", properties: { n } });
const loop = {
  type: "object",
  properties: { n: { $ref: "#/$defs/a" } },
  $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } },
};

/** What a server may say when it is deployed, and words of the line that the operator reads. */
export const deployLies: readonly (readonly [name: string, lie: Behaviour, line: RegExp])[] = [
  ["offers a schema that is a list", withSchema([]), /definition of "act" has an input schema that is no object/],
  ["offers no schema", withSchema(undefined), /definition of "act" has an input schema that is no object/],
  [
    "offers a schema of 10 MB",
    { list: (to) => sayHuge(to, '{"jsonrpc":"', 10, '"}') },
    /over 2097152 bytes|more than 4194304 bytes/,
  ],
  [
    "offers a schema of 100,000 characters",
    withProperty({ description: "x".repeat(100_000) }),
    /tool "act" is too long/,
  ],
  ["offers a schema 1000 levels deep", withProperty(nested), /definition of "act" is nested too deeply/],
  ["offers a schema that refers to itself", withSchema(loop), /tool "act"/],
  [
    "offers a pattern that never ends",
    withProperty({ type: "string", pattern: "^(a|(?=a))+\\1$" }),
    /tool "act" has the pattern/,
  ],
  [
    "offers a description of a megabyte",
    { list: sayTools([{ ...honestTool, description: "x".repeat(1e6) }]) },
    /description over 16384 characters/,
  ],
  ["offers the tool twice", { list: sayTools([honestTool, honestTool]) }, /"act" more than once/],
  [
    "offers other tools with escapes in their names",
    {
      list: sayTools([
        { ...honestTool, name: "acd" },
        { ...honestTool, name: escapes },
      ]),
    },
    /no tool "act" \(did you mean "acd"\?\); it offers: acd, /,
  ],
  ["takes other arguments", withProperties("m"), /"n" is no argument of the tool "act"; it takes: m$/],
  ["answers 500 with escapes", { list: (to) => sayText(to, escapes, 500) }, /answered 500 to tools\/list/],
  [
    "answers with an error full of escapes",
    { list: (to, { id }) => sayText(to, JSON.stringify({ jsonrpc: "2.0", id, error: { code: 1, message: escapes } })) },
    /not understood as MCP/,
  ],
  [
    "is no MCP server",
    { all: (to) => sayText(to, "no", 404) },
    /answered 404 to initialize: look at the path of its URL/,
  ],
  [
    "wants a credential",
    { all: (to) => sayText(to, "no", 401) },
    /answered 401 to initialize: give it a credential \(servers\.NAME\.credential\)/,
  ],
  ["is a web page", { all: (to) => sayText(to, "<html>", 200, "text/html") }, /not understood as MCP/],
  ["redirects", { all: redirect }, /answered 302 to initialize, a redirect, which is not followed/],
  ["lists tools without end", { list: endless }, /list of tools does not end/],
];

function withProperties(name: string): Behaviour {
  return withSchema({ type: "object", properties: { [name]: { type: "integer" } } });
}

function redirect(response: ServerResponse): void {
  response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end();
}

function protocolError(response: ServerResponse, { id }: { id: unknown }): void {
  sayText(response, JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32_000, message: "kaput" } }));
}

function twice(response: ServerResponse, { id }: { id: unknown }): void {
  sayEvents(response, [whole(id, "first"), whole(id, "second")]);
  response.end();
}

function asks(response: ServerResponse, { id }: { id: unknown }): void {
  sayEvents(response, [...asksUs, whole(id)]);
  response.end();
}

function late(...[response, asked]: Parameters<Answer>): void {
  setTimeout(() => sayDone(response, asked), 1500);
}

function endless(...[response, asked]: Parameters<Answer>): void {
  const page = Number(asked.params.cursor ?? 0) + 1;
  sayResult(response, asked, { tools: [{ ...honestTool, name: `tool_${page}` }], nextCursor: String(page) });
}
