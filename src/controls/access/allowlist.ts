// Control `allowlists`: who may speak on a channel at all. A sender that is not listed never reaches the agent. Exact
// names compare without case, because mail addresses and sign-in names do; nothing else is folded.
import type { Refusal } from "../../boundary.ts";

/** Whether `user` stands in `list`; an entry is a whole name or `*@domain`. */
export function decideSender(user: string, list: readonly string[], channel: string): Refusal | undefined {
  const name = user.toLowerCase();
  const listed = list.some((entry) => {
    const wanted = entry.toLowerCase();
    if (!wanted.startsWith("*@")) return wanted === name;
    const at = name.lastIndexOf("@");
    return at > 0 && name.indexOf("@") === at && name.slice(at) === wanted.slice(1);
  });
  if (listed) return undefined;
  return {
    control: "allowlists",
    reason: "sender_not_listed",
    message: `this sender is not listed under channels.${channel}.users`,
    field: `channels.${channel}.users`,
  };
}
