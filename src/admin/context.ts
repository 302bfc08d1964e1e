// What every handler of admin may use. Nothing here is a key or a truth: the supervisor is asked for all that matters.
import type { EventPuller } from "./event-puller.ts";
import type { EventStore } from "./event-store.ts";
import type { HostLink } from "./host-link.ts";
import type { Idempotency } from "./idempotency.ts";
import type { OtlpSender } from "./otlp.ts";
import type { Inbox } from "./inbox.ts";
import type { Streams } from "./streams.ts";
import type { TokenStore } from "./token-store.ts";
import type { Watch } from "./watch.ts";

export interface Context {
  readonly host: HostLink;
  readonly tokens: TokenStore;
  readonly idempotency: Idempotency;
  /** What the gates' chains add up to. */
  readonly watch: Watch;
  /** Null without `--otlp`. */
  readonly otlp: OtlpSender | null;
  /** The index of events, and what fills it. */
  readonly events: EventStore;
  readonly puller: EventPuller;
  readonly inbox: Inbox;
  readonly streams: Streams;
}
