// Control `audit`: what happened, of all deployments, newest first, and live. Read from the index, which is behind the chains by
// a moment and says by how much; a deployment that was removed is still in it.
import { z } from "zod";
import { placeOf } from "../event-view.ts";
import { chainStatus, eventFilter, eventId, eventView } from "../event-view.ts";
import { eventPieces } from "../event-stream.ts";
import { limit } from "../pages.ts";
import type { Refused } from "../problem.ts";
import { route } from "../row.ts";

export const eventRows = [
  route({
    id: "listEvents",
    method: "GET",
    path: "/v1/events",
    role: "viewer",
    summary: "Lists entries of all audit chains, newest first, as far as the index has followed and kept them.",
    event: null,
    params: {},
    query: { ...eventFilter, limit, after: eventId.optional().describe("id of the last event of the page before") },
    body: null,
    answer: z.strictObject({ events: z.array(eventView) }),
    handle: ({ events: index }, { query: { limit: most, after, ...filter } }) => {
      const place = after === undefined ? Number.MAX_SAFE_INTEGER : placeOf(after, index.epoch);
      if (place === undefined) return anotherIndex("after");
      const { events } = index.before(filter, place, most + 1);
      const page = events.slice(0, most);
      return { value: { events: page }, next: events.length > most ? page.at(-1)?.id : undefined };
    },
  }),
  route({
    id: "getEventStatus",
    method: "GET",
    path: "/v1/events/status",
    role: "viewer",
    summary: "Says for each chain how far the index is behind it, and which chain does not follow from what was read.",
    event: null,
    params: {},
    query: {},
    body: null,
    answer: z.strictObject({ chains: z.array(chainStatus) }),
    handle: async ({ puller }) => {
      const chains = await puller.status();
      return "code" in chains ? chains : { value: { chains } };
    },
  }),
  route({
    id: "streamEvents",
    method: "GET",
    path: "/v1/events/stream",
    role: "viewer",
    summary: "Streams entries as they come in, from now on, or after the one that `Last-Event-ID` names.",
    event: null,
    params: {},
    query: eventFilter,
    body: null,
    type: "text/event-stream",
    answer: z.string(),
    handle: ({ events, puller, streams }, { query, lastEventId, actor, signal }) => {
      if (lastEventId !== null && !eventId.safeParse(lastEventId).success) return notAnId;
      return streams.open({ token: actor.token, signal }, eventPieces(events, puller, query, lastEventId));
    },
  }),
];

const notAnId: Refused = {
  ...{ status: 422, code: "not_understood", field: "Last-Event-ID" },
  detail: "Last-Event-ID: an id as events have it, evt_...",
};

function anotherIndex(field: string): Refused {
  const detail = `${field}: is of an index that was there before this one: begin again without it`;
  return { status: 422, code: "another_index", detail, field };
}
