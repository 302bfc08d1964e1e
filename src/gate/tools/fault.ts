// Why a tool server could not be used, in one line that an operator can act on. The server chose many of the words it
// failed with; none of them may clear a line, add one, or turn the text round on the operator's terminal (CWE-150).
import { printable } from "../../controls/manifest/printable.ts";
import { DoorError } from "../door.ts";

const maxShown = 160;

/** A tool server that could not be reached or understood; nothing was called. */
export class ToolServerFault extends Error {
  /** The tool whose definition is at fault, when it is one. */
  readonly tool: string | undefined;
  /** It is the broker that was not there: it comes back, and it says nothing about the server. */
  readonly isPassing: boolean;
  constructor(message: string, tool?: string, isPassing = false) {
    super(message);
    this.name = "ToolServerFault";
    this.tool = tool;
    this.isPassing = isPassing;
  }
}

/** Whatever was thrown on the way, as a fault in one line. */
export function explainFault(thrown: unknown): ToolServerFault {
  const known = findCause(thrown);
  if (known instanceof ToolServerFault) return known;
  if (known instanceof DoorError) return new ToolServerFault(known.message, undefined, known.word === "door_closed");
  const said = thrown instanceof Error ? thrown.message.split("\n", 1)[0] : "";
  return new ToolServerFault(`its answer was not understood as MCP (${printable(said ?? "", maxShown)})`);
}

function findCause(thrown: unknown): unknown {
  for (let at = thrown, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof ToolServerFault || at instanceof DoorError) return at;
  }
  return undefined;
}

/** An answer that is no success, and what to do about it. */
export function statusFault(status: number, method: string): ToolServerFault {
  const said = `it answered ${status} to ${method}`;
  if (status < 400)
    return new ToolServerFault(
      `${said}, a redirect, which is not followed: write the address it leads to into the file`,
    );
  if (status === 401 || status === 403)
    return new ToolServerFault(`${said}: give it a credential (servers.NAME.credential)`);
  return new ToolServerFault(status === 404 ? `${said}: look at the path of its URL` : said);
}
