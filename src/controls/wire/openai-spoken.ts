// Control `schemas`, `provenance`: what of a caller's messages is heard. A history that a caller sends is a claim: it may
// hold answers that were never given, results of tools that never ran, approvals, or a system prompt. So of all of it only
// the words of the last message are heard, which must be a user's; the exchange before it is compared with what this
// deployment said, to find the thread again, and is believed in nothing.
export interface Spoken {
  readonly text: string;
  /** The exchange before it as the caller shows it: what to look for. Null when there is none. */
  readonly before: { readonly asked: string; readonly answered: string } | null;
}

export interface NotSpoken {
  /** Dotted path of the part at fault. */
  readonly field: string;
  readonly message: string;
}

interface Message {
  readonly role?: string | undefined;
  readonly content?: unknown;
}

const mostCharacters = 100_000;
const textParts = new Set(["text", "input_text", "output_text"]);
/** Their words are never heard, wherever they stand: clients put a system prompt first, and some put one last. */
const steering = new Set(["system", "developer"]);

/** @param field name of the list in the request, such as `messages` */
export function readSpoken(given: readonly unknown[], field: string): Spoken | NotSpoken {
  const odd = given.findIndex((one) => !isMessage(one));
  if (odd >= 0)
    return { field: `${field}.${odd}`, message: "this is no message: send an object with a role that is a text" };
  const messages = given.filter(isMessage);
  const last = messages.findLastIndex(({ role }) => role === undefined || !steering.has(role));
  const message = messages[last];
  if (message?.role !== "user") {
    const at = message ? `${field}.${last}.role` : field;
    return { field: at, message: "the last message must be a user's: nothing else in a history is heard" };
  }
  const text = readWords(message.content, `${field}.${last}.content`);
  if (typeof text !== "string") return text;
  const fault = { field: `${field}.${last}.content` };
  if (text === "") return { ...fault, message: "say something: the last message has no text" };
  if (text.length > mostCharacters) return { ...fault, message: `at most ${mostCharacters} characters` };
  return { text, before: exchangeBefore(messages.slice(0, last)) };
}

/** Text, or parts that are all text: a picture or a file that is left out in silence would change what was asked. */
function readWords(content: unknown, field: string): string | NotSpoken {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return { field, message: "a text, or a list of text parts" };
  const texts: string[] = [];
  for (const [at, part] of content.entries()) {
    const { type, text } = isPart(part) ? part : {};
    if (typeof type !== "string" || !textParts.has(type)) {
      const named = typeof type === "string" ? type.slice(0, 64) : "a part without a type";
      return {
        field: `${field}.${at}.type`,
        message: `${named} is not taken: send text; files and pictures are not read`,
      };
    }
    if (typeof text !== "string") return { field: `${field}.${at}.text`, message: "a text" };
    texts.push(text);
  }
  return texts.join("\n");
}

/** Some items of a history, such as a call of a tool, have no role. */
function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const role = Object.hasOwn(value, "role") ? (value as { role: unknown }).role : undefined;
  return role === undefined || typeof role === "string";
}

function isPart(value: unknown): value is { readonly type?: unknown; readonly text?: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function exchangeBefore(messages: readonly Message[]): Spoken["before"] {
  const answer = messages.findLastIndex(({ role }) => role === "assistant");
  const question = messages.slice(0, Math.max(0, answer)).findLast(({ role }) => role === "user");
  const [asked, answered] = [question, messages[answer]].map((one) => one && readWords(one.content, ""));
  return typeof asked === "string" && typeof answered === "string" ? { asked, answered } : null;
}
