// Control `allowlists`: who may speak on a channel, and from which room and workspace. A message that is not listed never
// reaches the agent; whoever is not on the list tries a name that looks or folds like one that is. People compare without
// the case of A to Z (people.ts); rooms and workspaces are ids that a platform gives, so they compare exactly.
import type { Refusal } from "../../boundary.ts";
import { isListed, type Groups } from "./people.ts";

/** Where a message comes from, as its channel says. */
export interface Sender {
  readonly user: string;
  readonly room?: string | undefined;
  readonly workspace?: string | undefined;
}

/** What the deployment file says of one channel. */
export interface ChannelLists {
  readonly users: readonly string[];
  readonly rooms?: readonly string[] | undefined;
  readonly workspaces?: readonly string[] | undefined;
}

/** Why a message from `sender` may not come in over `channel`, if it may not. */
export function decideMessage(
  sender: Sender,
  lists: ChannelLists,
  channel: string,
  groups: Groups,
): Refusal | undefined {
  return (
    decideSender(sender.user, lists.users, channel, groups) ??
    decidePlace("workspace", sender.workspace, lists.workspaces, channel) ??
    decidePlace("room", sender.room, lists.rooms, channel)
  );
}

/** Whether `user` stands in `list`; an entry is a whole name, `*@domain` or `group:NAME`. */
export function decideSender(
  user: string,
  list: readonly string[],
  channel: string,
  groups: Groups = {},
): Refusal | undefined {
  if (isListed(user, list, groups)) return undefined;
  return {
    control: "allowlists",
    reason: "sender_not_listed",
    message: `this sender is not listed under channels.${channel}.users`,
    field: `channels.${channel}.users`,
  };
}

/** What a sender may be told of such a refusal: that nobody listens, and neither who is listed nor what this is for. */
export function replyTo(refusal: Refusal): string {
  const isSender = refusal.reason === "sender_not_listed";
  return isSender
    ? "This assistant does not take messages from you; ask whoever runs it to add you."
    : "This assistant does not take messages from here; ask whoever runs it to add this place.";
}

/** A channel that lists places takes messages only from these: one that names none is refused as well. */
function decidePlace(
  kind: "room" | "workspace",
  place: string | undefined,
  list: readonly string[] | undefined,
  channel: string,
): Refusal | undefined {
  if (list === undefined || (place !== undefined && list.includes(place))) return undefined;
  const field = `channels.${channel}.${kind}s`;
  const message = `this channel takes messages from listed ${kind}s only: send one that is listed under ${field} as "${kind}"`;
  return { control: "allowlists", reason: `${kind}_not_listed`, message, field };
}
