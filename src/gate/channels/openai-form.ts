// How the two forms of the OpenAI face write one and the same turn: whole, or as events. A form knows nothing of limits,
// threads or waiting; it is given what was said, which is text and nothing else: which tools ran is not told.
import type { OpenAiError } from "./openai-error.ts";
import type { ShownCall } from "../shown-calls.ts";
import type { Usage } from "../usage.ts";

/** A turn as a form needs to know it. */
export interface Turned {
  readonly deployment: string;
  readonly thread: string;
  readonly turn: number;
  /** Seconds since the epoch. */
  readonly created: number;
}

/** How it ended, or stands until a person decides. */
export interface Ended {
  readonly text: string;
  readonly usage: Usage;
  readonly held: readonly ShownCall[];
}

export interface Form {
  whole(turned: Turned, ended: Ended): object;
  /** Makes the events of one stream, each whole with the blank line after it. */
  stream(turned: Turned): FormStream;
}

export interface FormStream {
  begin(): string[];
  piece(text: string): string[];
  /** Made as they are asked for: some hold the whole text again, and a client may be slow to read. */
  end(ended: Ended): Iterable<string>;
  /** It cannot go on. */
  fail(error: OpenAiError): string[];
}

/** What waits for a person, as an extension that other clients do not read. */
export function approvalPart(held: readonly ShownCall[]): object {
  return held.length === 0 ? {} : { x_approval: held };
}
