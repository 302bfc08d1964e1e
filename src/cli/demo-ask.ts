// The demo's one question: does this call run? Nothing is approved by a single key; no answer in time, or no terminal, and
// what the story would do happens, and is said to.
import { createInterface } from "node:readline";
import type { Page } from "./demo-page.ts";

export type Verdict = "approve" | "deny";

/** How long somebody may think about it, milliseconds. */
export const thinkMs = 120_000;

/** What somebody typed, or undefined when it is neither. Only the whole word approves. */
export function parseVerdict(typed: string): Verdict | undefined {
  const word = typed.trim().toLowerCase();
  if (word === "approve") return word;
  return ["deny", "d", "no", "n"].includes(word) ? "deny" : undefined;
}

interface Asking {
  readonly page: Page;
  readonly input: NodeJS.ReadableStream;
  readonly signal: AbortSignal;
  readonly limitMs: number;
}

/** Asks until there is a verdict; undefined when nobody gives one. */
export async function askVerdict({ page, input, signal, limitMs }: Asking): Promise<Verdict | undefined> {
  page.say("You decide. Type approve or deny, then Enter.", "bold");
  page.say(`(After ${limitMs / 1000} s without an answer it is denied.)`, "dim");
  const reader = createInterface({ input, terminal: false });
  const { promise, resolve } = Promise.withResolvers<Verdict | undefined>();
  const stop = () => resolve(undefined);
  const timer = setTimeout(stop, limitMs);
  signal.addEventListener("abort", stop, { once: true });
  reader.once("close", stop);
  reader.on("line", (typed) => {
    const verdict = parseVerdict(typed);
    if (verdict !== undefined) resolve(verdict);
    else page.say("Please type the whole word: approve, or deny.", "bold");
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    reader.close();
    input.pause();
  }
}
