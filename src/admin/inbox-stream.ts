// Control `review`: the inbox as a stream: first all that is held, then each call again when something about it changed, and at
// the end with what became of it. A reader is told what differs from what it was told last, so a slow one skips what is over.
// A gate that was taken over wants this to hold much for each reader, or to have all readers wait for it: of what was told
// only hashes are held, and a gate that does not answer about one call is not asked about the next.
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Inbox, InboxItem } from "./inbox.ts";
import { sse, type NextPiece, type Wait } from "./streams.ts";

const maxPieceChars = 65_536;
/** A call is the same one for all readers. */
const hashes = new WeakMap<InboxItem, string>();
/** Changes come in bursts. */
const gatherMs = 30;

export interface InboxReader {
  readonly next: NextPiece;
  readonly end: () => void;
}

/** The pieces for one reader; `fits` is its filter. */
export function readInbox(inbox: Inbox, fits: (item: InboxItem) => boolean): InboxReader {
  /** By call: what was told last. */
  const told = new Map<string, { readonly hash: string; readonly deployment: string; readonly callId: string }>();
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
      const hash = hashOf(item);
      if (told.get(key)?.hash === hash) continue;
      if (piece.length > maxPieceChars) return piece;
      told.set(key, { hash, deployment: item.deployment, callId: item.callId });
      piece += sse("approval", item);
    }
    const silent = new Set(held.unreachable.map(({ deployment }) => deployment));
    for (const [key, { deployment, callId }] of told) {
      // Of a gate that does not answer, or does not show all, nobody knows.
      if (items.has(key) || silent.has(deployment) || piece.length > maxPieceChars) continue;
      const now = await inbox.one(deployment, callId);
      if ("value" in now && now.value.state === "held") continue;
      const isGone = "code" in now && ["not_found", "no_such_deployment"].includes(now.code);
      if ("code" in now && !isGone) {
        silent.add(deployment);
        continue;
      }
      told.delete(key);
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

function hashOf(item: InboxItem): string {
  const known = hashes.get(item) ?? createHash("sha256").update(JSON.stringify(item)).digest("base64");
  hashes.set(item, known);
  return known;
}
