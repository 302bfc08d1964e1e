// Control `audit`: hands finished traces to a collector on this machine, over OTLP/HTTP. The broker alone dials the network:
// admin speaks to a literal loopback address and nothing else, and a collector there passes on what it likes. One that is down,
// slow or hostile holds nobody up: what waits is bounded, what does not fit is dropped and counted, and of an answer only the
// status counts.
import { request } from "node:http";
import { otlpRequest } from "../controls/telemetry/otlp.ts";
import type { Span } from "../controls/telemetry/turn-trace.ts";

/** Spans that wait, and spans in one request. */
export const maxWaiting = 10_000;
const maxBatch = 500;
const maxAnswerBytes = 65_536;
const firstPauseMs = 1000;
const lastPauseMs = 30_000;

/** Says what is wrong with a collector's address, or gives the URL that is posted to. */
export function parseCollector(text: string): { readonly url: URL } | string {
  const url = URL.parse(text);
  const wrong = (why: string): string => `--otlp ${text}: ${why}, such as http://127.0.0.1:4318`;
  if (
    url === null ||
    url.protocol !== "http:" ||
    url.username + url.password !== "" ||
    url.search !== "" ||
    url.hash !== ""
  )
    return wrong("write http://HOST:PORT");
  if (!/^127\.[0-9.]+$|^\[::1\]$/.test(url.hostname))
    return wrong("traces go to a collector on this machine, which may pass them on: write its loopback address");
  if (url.pathname === "/") url.pathname = "/v1/traces";
  return { url };
}

export interface Sent {
  spans: number;
  /** Why spans were not taken: `queue_full`, `refused`. */
  readonly dropped: Record<"queue_full" | "refused", number>;
}

export class OtlpSender {
  readonly #url: URL;
  readonly #timeoutMs: number;
  #waiting: Span[] = [];
  #isSending = false;
  #isOver = false;
  readonly sent: Sent = { spans: 0, dropped: { queue_full: 0, refused: 0 } };

  constructor(url: URL, timeoutMs = 5000) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes the spans of one trace, all or none; returns at once. */
  add(spans: readonly Span[]): void {
    if (this.#waiting.length + spans.length > maxWaiting) {
      this.sent.dropped.queue_full += spans.length;
      return;
    }
    this.#waiting.push(...spans);
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#sendAll().finally(() => (this.#isSending = false));
  }

  stop(): void {
    this.#isOver = true;
  }

  async #sendAll(): Promise<void> {
    let pause = firstPauseMs;
    while (this.#waiting.length > 0 && !this.#isOver) {
      const batch = this.#waiting.slice(0, maxBatch);
      const status = await this.#post(JSON.stringify(otlpRequest(batch))).catch(() => 0);
      // OTLP/HTTP: these may be sent again; anything else is refused for good.
      if ([0, 429, 502, 503, 504].includes(status)) {
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
        pause = Math.min(lastPauseMs, pause * 2);
        continue;
      }
      pause = firstPauseMs;
      this.#waiting.splice(0, batch.length);
      if (status >= 200 && status < 300) this.sent.spans += batch.length;
      else this.sent.dropped.refused += batch.length;
    }
  }

  #post(body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const sent = request(this.#url, { method: "POST", headers, signal, agent: false }, (response) => {
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxAnswerBytes) response.destroy(new Error("too long an answer"));
        });
        response.on("error", reject);
        response.on("end", () => resolve(response.statusCode ?? 0));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}
