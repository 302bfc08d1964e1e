// Control `review`: the inbox as a stream: first all that is held, then each call again when something about it changed, and at
// the end with what became of it. A reader is told what differs from what it was told last, so a slow one skips what is over.
import { setTimeout as pause } from "node:timers/promises";
import type { Inbox, InboxItem } from "./inbox.ts";
import { sse, type NextPiece, type Wait } from "./streams.ts";

const maxPieceChars = 65_536;
/** Changes come in bursts. */
const gatherMs = 30;

export interface InboxReader {
  readonly next: NextPiece;
  readonly end: () => void;
}

/** The pieces for one reader; `fits` is its filter. */
export function readInbox(inbox: Inbox, fits: (item: InboxItem) => boolean): InboxReader {
  /** By call: what was told last. */
  const told = new Map<string, { readonly text: string; readonly item: InboxItem }>();
  let toldState = "";
  let wakeNow: (() => void) | undefined;
  let isNew = true;
  const end = inbox.watch(() => {
    isNew = true;
    wakeNow?.();
  });
  const wake = (one: () => void): (() => void) => {
    wakeNow = one;
    if (isNew) one();
    return () => (wakeNow = undefined);
  };
  const changes = async (): Promise<string> => {
    const held = inbox.held;
    if (held === undefined) return "";
    const items = new Map(held.items.filter(fits).map((item) => [`${item.deployment}/${item.callId}`, item]));
    let piece = "";
    for (const [key, item] of items) {
      const text = JSON.stringify(item);
      if (told.get(key)?.text === text) continue;
      if (piece.length > maxPieceChars) return piece;
      told.set(key, { text, item });
      piece += sse("approval", item);
    }
    const silent = new Set(held.unreachable.map(({ deployment }) => deployment));
    for (const [key, { item }] of told) {
      // Of a gate that does not answer, or does not show all, nobody knows.
      if (items.has(key) || silent.has(item.deployment) || piece.length > maxPieceChars) continue;
      const now = await inbox.one(item.deployment, item.callId);
      if ("value" in now && now.value.state === "held") continue;
      const isGone = "code" in now && ["not_found", "no_such_deployment"].includes(now.code);
      if ("code" in now && !isGone) continue;
      told.delete(key);
      const { deployment, callId } = item;
      piece += "value" in now ? sse("approval", now.value) : sse("gone", { deployment, callId });
    }
    if (piece.length > maxPieceChars) return piece;
    const state = { unreachable: held.unreachable, more: held.more };
    if (JSON.stringify(state) === toldState) return piece;
    toldState = JSON.stringify(state);
    return piece + sse("state", state);
  };
  const next = async (wait: Wait): Promise<string> => {
    for (;;) {
      isNew = false;
      const piece = await changes();
      // A long one may not be all.
      if (piece.length > maxPieceChars) isNew = true;
      if (piece !== "") return piece;
      if (!(await wait.until(wake))) return "";
      await pause(gatherMs);
    }
  };
  return { next, end };
}
