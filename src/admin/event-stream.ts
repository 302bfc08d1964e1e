// Control `audit`: the index as a stream, from where its reader was (`Last-Event-ID`) or from now on. Each reader has a place of
// its own in the index and takes what is after it, so a slow one is behind and costs nothing, and one that comes back misses nothing that is still kept.
import type { EventPuller } from "./event-puller.ts";
import type { EventStore } from "./event-store.ts";
import { placeOf, type EventFilter } from "./event-view.ts";
import { sse, type NextPiece, type Wait } from "./streams.ts";

const piece = 50;

/**
 * The pieces for one reader.
 * @param lastId id of the event that it had last, null for a reader that begins now
 */
export function eventPieces(
  store: EventStore,
  puller: EventPuller,
  filter: EventFilter,
  lastId: string | null,
): NextPiece {
  const known = lastId === null ? store.last() : placeOf(lastId, store.epoch);
  let place = known ?? 0;
  // Another index than it read from: it gets all of this one.
  let isReset = known === undefined;
  const read = (): string => {
    const newest = store.last();
    const { events, last } = store.after(filter, place, piece);
    // What does not fit the filter need not be looked at again.
    place = events.length < piece ? Math.max(place, newest) : last;
    return events.map((event) => sse("entry", event, event.id)).join("");
  };
  return async (wait: Wait) => {
    if (isReset) {
      isReset = false;
      return sse("reset", { because: "the index was built anew: all that it has follows" });
    }
    for (;;) {
      const text = read();
      if (text !== "" || !(await wait.until((wake) => puller.onEntries(wake)))) return text;
    }
  };
}
