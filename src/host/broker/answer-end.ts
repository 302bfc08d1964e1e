// Control `runtime`: when is a streamed answer to one call whole? MCP servers may answer with server-sent events and keep
// the stream open; a call's answer is whole with the JSON-RPC response in it. A server that never ends its stream must not
// make a done call look undone. WHATWG HTML section 9.2 for the event format.

/** Finds the end of the event that holds a JSON-RPC response, piece by piece. */
export class AnswerEnd {
  #line = "";
  #data: string[] = [];
  #endsWithReturn = false;

  /**
   * @param piece next bytes of a `text/event-stream` body
   * @returns bytes of this piece up to the end of the event that holds the response, or -1 when it is not there yet
   */
  find(piece: Buffer): number {
    // Latin-1 keeps one character per byte. UTF-8 sequences stay inside strings, so the structure reads the same.
    const text = piece.toString("latin1");
    let from = this.#endsWithReturn && text.startsWith("\n") ? 1 : 0;
    this.#endsWithReturn = text.endsWith("\r");
    for (const end of text.matchAll(/\r\n|\r|\n/g)) {
      if (end.index < from) continue;
      this.#line += text.slice(from, end.index);
      from = end.index + end[0].length;
      if (this.#endLine()) return from;
    }
    this.#line += text.slice(from);
    return -1;
  }

  /** True when the line that just ended closes an event with a response. */
  #endLine(): boolean {
    const line = this.#line;
    this.#line = "";
    if (line !== "") {
      if (line.startsWith("data:")) this.#data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      return false;
    }
    const data = this.#data.join("\n");
    this.#data = [];
    return data !== "" && isResponse(data);
  }
}

function isResponse(text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.hasOwn(value, "id") && (Object.hasOwn(value, "result") || Object.hasOwn(value, "error"));
}
