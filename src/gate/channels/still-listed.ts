// Control `allowlists`: whether the user of a conversation is listed in the release that runs now. Whoever is taken off the list
// has messages that wait and turns under way from before; from the deploy on these may move nothing any more.
import { decideSender } from "../../controls/access/allowlist.ts";
import type { Release } from "../../controls/manifest/release.ts";

/** @param thread name of the conversation, which begins with its channel */
export function isStillListed({ manifest }: Release, thread: string, user: string): boolean {
  const channel = thread.slice(0, thread.indexOf(":"));
  const { channels, groups } = manifest;
  const lists = Object.entries(channels).find(([name]) => name === channel)?.[1];
  return lists !== undefined && decideSender(user, lists.users, channel, groups) === undefined;
}
