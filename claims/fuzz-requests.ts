// Requests to admin that are nearly right, made of its own OpenAPI document: one that fits, with a few things wrong in path,
// query, headers or body; and requests that are hardly HTTP. All as bytes, so that no client mends them.
import { sampleOf, type Schema } from "../src/admin/fixtures/sample.ts";
import type { OpenApi, Operation } from "../src/admin/openapi.ts";

/** What is true of the running Ambit, so that some requests are right to the end. */
export interface Known {
  readonly tokens: readonly string[];
  /** Entity tag of what runs. */
  readonly etag: string;
  /** Ids of tokens that may be ended. */
  readonly endable: readonly string[];
}

export interface FuzzRequest {
  /** `operationId`, or what kind of broken HTTP it is. */
  readonly kind: string;
  readonly bytes: Buffer;
}

interface Draft {
  method: string;
  target: string;
  readonly headers: [name: string, value: string][];
  body: string | undefined;
}

type Random = () => number;

const oddTexts = [
  "",
  " ",
  "\0",
  "\u202e\u200b",
  "é日本語\u{1f600}",
  "\ud800",
  "../../etc/passwd",
  "%00",
  "'; drop table tokens; --",
  "${7*7}{{7*7}}",
  "__proto__",
  "constructor",
  "x".repeat(300),
  "x".repeat(20_000),
  "-1",
  "1e999",
  "9".repeat(40),
  "null",
  "alpha",
];
const oddValues: readonly unknown[] = [
  ...oddTexts,
  ...[null, true, 0, -1, 1e308, 2 ** 53, 0.1, [], {}, [[]], [null]],
  { toString: 1, valueOf: 1 },
  { length: -1 },
];
const bombs = [
  `${"[".repeat(5000)}${"]".repeat(5000)}`,
  `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`,
  '{"__proto__":{"by":"eve"},"constructor":{"prototype":{}}}',
  `{${Array.from({ length: 1000 }, (_, n) => `"k${n}":${n}`).join(",")}}`,
  `[${"1e999,".repeat(1000)}1]`,
  '{"by":"a","by":"b"}',
  '"\\ud800"',
  `{"reason":"${"\\u0000".repeat(900)}"}`,
  "[".repeat(16_000),
  "NaN",
  "{'a':1}",
  "\ufeff{}",
];
const oddHeaders: readonly [string, string][] = [
  ["Content-Type", "text/html"],
  ["Content-Type", "application/json; charset=utf-16"],
  ["Content-Encoding", "gzip"],
  ["Idempotency-Key", "x".repeat(200)],
  ["Idempotency-Key", "fuzz"],
  ["If-Match", "*"],
  ["If-Match", '"0"'],
  ["If-None-Match", '"0", *'],
  ["X-Request-Id", "req_<script>"],
  ["X-Ambit-Actor", "%7B%22by%22%3A%22eve%22%7D"],
  ["Origin", "http://evil.example"],
  ["Origin", "null"],
  ["Sec-Fetch-Site", "cross-site"],
  ["Authorization", "Basic YTpi"],
  ["Authorization", `Bearer ${"x".repeat(5000)}`],
  ["Cookie", "a=b"],
  ["Accept", "application/xml"],
  ["Range", "bytes=0-1"],
  ["Prefer", "wait=1e9"],
  ["X-Forwarded-For", "127.0.0.1"],
  ["X-Http-Method-Override", "DELETE"],
];

export class FuzzRequests {
  readonly #random: Random;
  readonly #components: Record<string, Schema>;
  readonly #operations: { path: string; method: string; operation: Operation }[];

  constructor(document: OpenApi, random: Random) {
    this.#random = random;
    this.#components = document.components["schemas"] as Record<string, Schema>;
    this.#operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    );
  }

  get kinds(): string[] {
    return this.#operations.map(({ operation }) => operation.operationId);
  }

  /** The next request, signed in with one of the tokens, or nearly. */
  next(known: Known): FuzzRequest {
    const { path, method, operation } = this.#pick(this.#operations);
    const draft = this.#draft(path, method, operation, this.#pick(known.tokens));
    if (this.#random() < 0.3) {
      draft.target = draft.target.replace("A".repeat(12), () => this.#pick(known.endable));
      if (operation.parameters.some(({ name }) => name === "If-Match")) draft.headers.push(["If-Match", known.etag]);
    }
    const dice = this.#random();
    if (dice < 0.15) return { kind: operation.operationId, bytes: write(draft) };
    if (dice < 0.75) {
      for (let n = 0; n <= Math.floor(this.#random() * 3); n++) this.#mutate(draft, operation);
      return { kind: operation.operationId, bytes: write(draft) };
    }
    if (dice < 0.85) {
      draft.body = this.#pick(bombs);
      return { kind: operation.operationId, bytes: write(draft) };
    }
    return { kind: "broken", bytes: this.#breakUp(write(draft)) };
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  #draft(path: string, method: string, operation: Operation, token: string): Draft {
    const value = (schema: unknown): string => String(sampleOf(schema as Schema, this.#components));
    let target = path;
    const query: string[] = [];
    for (const { name, in: where, schema } of operation.parameters) {
      if (where === "path") target = target.replace(`{${name}}`, value(schema));
      if (where === "query" && this.#random() < 0.3) query.push(`${name}=${encodeURIComponent(value(schema))}`);
    }
    const schema = operation.requestBody?.content["application/json"]?.schema as Schema | undefined;
    const body = schema === undefined ? undefined : JSON.stringify(sampleOf(schema, this.#components));
    const headers: Draft["headers"] = [["Host", "localhost"]];
    if (this.#random() < 0.95) headers.push(["Authorization", `Bearer ${token}`]);
    if (body !== undefined) headers.push(["Content-Type", "application/json"]);
    return { method, target: query.length === 0 ? target : `${target}?${query.join("&")}`, headers, body };
  }

  #mutate(draft: Draft, operation: Operation): void {
    const kind = Math.floor(this.#random() * 6);
    const odd = encodeURIComponent(this.#pick(oddTexts).toWellFormed()).slice(0, 9000);
    if (kind === 0) draft.headers.push([...this.#pick(oddHeaders)]);
    if (kind === 1) {
      const name = this.#pick([...operation.parameters.map((one) => one.name), "surprise", odd.slice(0, 50)]);
      draft.target += `${draft.target.includes("?") ? "&" : "?"}${name}=${odd}`;
    }
    if (kind === 2) draft.target = draft.target.replace(/\/(alpha|0{64}|A{12})/, `/${odd}`);
    if (kind === 3) draft.method = this.#pick(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"]);
    if (kind >= 4) draft.body = this.#mutateBody(draft.body);
  }

  /** Changes one place of a JSON body, at any depth. */
  #mutateBody(body: string | undefined): string {
    let value: unknown;
    try {
      value = JSON.parse(body ?? "{}");
    } catch {
      return this.#pick(bombs);
    }
    let at = value;
    for (let depth = 0; depth < 6; depth++) {
      if (typeof at !== "object" || at === null) break;
      const keys = Object.keys(at);
      const key = this.#random() < 0.3 || keys.length === 0 ? this.#pick(["surprise", ...oddTexts]) : this.#pick(keys);
      const child: unknown = Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined;
      if (typeof child === "object" && child !== null && this.#random() < 0.6) {
        at = child;
        continue;
      }
      Object.defineProperty(at, key, {
        value: this.#pick(oddValues),
        enumerable: true,
        configurable: true,
        writable: true,
      });
      break;
    }
    return JSON.stringify(value);
  }

  /** Cuts, repeats, or changes bytes of a request, or sends two in one. */
  #breakUp(bytes: Buffer): Buffer {
    const at = Math.floor(this.#random() * bytes.length);
    const rest = Math.floor(this.#random() * 64);
    const noise = Buffer.from(Array.from({ length: rest }, () => Math.floor(this.#random() * 256)));
    const text = bytes.toString("latin1");
    const lines = text.split("\r\n");
    return this.#pick([
      () => bytes.subarray(0, at),
      () => Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]),
      () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + rest))]),
      () =>
        Buffer.from(
          lines.toSpliced(1 + Math.floor(this.#random() * 3), 0, this.#pick(lines.slice(1))).join("\r\n"),
          "latin1",
        ),
      () => Buffer.from(text.replace("Host: localhost", this.#pick(hosts)), "latin1"),
      () => Buffer.from(text.replace("\r\n", this.#pick(framings)), "latin1"),
      () =>
        Buffer.from(
          text.replace(" /", ` ${this.#pick(["http://evil.example/", "//", "/\\", "*", "/../../", "/%2e%2e/"])}`),
          "latin1",
        ),
      () =>
        Buffer.from(
          text.replace("\r\n", `\r\n${"X-Flood: a\r\n".repeat(Math.floor(this.#random() * 3000))}`),
          "latin1",
        ),
      () => noise,
    ])();
  }
}

const hosts = [
  "Host: evil.example",
  "Host: localhost\r\nHost: evil.example",
  "Host:",
  "Host: [::1",
  "Host: localhost:x",
];
const framings = [
  "\r\nTransfer-Encoding: chunked\r\n",
  "\r\nTransfer-Encoding: chunked, identity\r\n",
  "\r\nTransfer-Encoding : chunked\r\n",
  "\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
  "\r\nContent-Length: 99999999999999999999\r\n",
  "\r\nContent-Length: -5\r\n",
  "\r\nExpect: 100-continue\r\n",
  "\r\nExpect: 999-never\r\n",
  "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
  "\r\n X-Folded: a\r\n",
  "\n",
];

function write({ method, target, headers, body }: Draft): Buffer {
  const all = [...headers, ["Connection", "close"]];
  if (body !== undefined) all.push(["Content-Length", String(Buffer.byteLength(body))]);
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n${body ?? ""}`, "utf8");
}
