// Control `secrets`: an answer that repeats the credential it was asked with ("invalid key sk-...") loses it here, before
// it reaches the gate, the journal or a model. Verbatim copies only: what an upstream encodes on purpose it could as well
// send elsewhere itself. Must stay true: a value is found across the pieces of a stream, and no piece waits for another
// unless it ends like the value begins.

const replacement = Buffer.from("[removed by ambit]");
/** Shorter values occur in answers by chance, and cutting them would only spoil the answers. */
const minLength = 8;

/** Removes a credential from the pieces of one answer. */
export class Cutter {
  readonly #value: Buffer | null;
  #held: Buffer = Buffer.alloc(0);

  constructor(value: string | null) {
    this.#value = value !== null && value.length >= minLength ? Buffer.from(value, "latin1") : null;
  }

  /** False when there is nothing to look for and every piece passes as it is. */
  get isActive(): boolean {
    return this.#value !== null;
  }

  /** What may be passed on now. */
  push(piece: Buffer): Buffer {
    if (this.#value === null) return piece;
    const text = cutAll(this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]), this.#value);
    const hold = overlap(text, this.#value);
    this.#held = text.subarray(text.length - hold);
    return text.subarray(0, text.length - hold);
  }

  /** What was held back, at the end. */
  end(): Buffer {
    return this.#held;
  }

  /** A header value or other short text. */
  cut(text: string): string {
    return this.#value === null ? text : text.replaceAll(this.#value.toString("latin1"), replacement.toString());
  }
}

function cutAll(text: Buffer, value: Buffer): Buffer {
  let at = text.indexOf(value);
  if (at === -1) return text;
  const parts: Buffer[] = [];
  let from = 0;
  for (; at !== -1; at = text.indexOf(value, from)) {
    parts.push(text.subarray(from, at), replacement);
    from = at + value.length;
  }
  return Buffer.concat([...parts, text.subarray(from)]);
}

/** Length of the longest end of `text` that is a beginning of `value`. */
function overlap(text: Buffer, value: Buffer): number {
  for (let length = Math.min(text.length, value.length - 1); length > 0; length--) {
    if (text.subarray(text.length - length).equals(value.subarray(0, length))) return length;
  }
  return 0;
}
