// Control `allowlists`: who may speak on a channel at all. A sender that is not listed never reaches the agent; whoever is
// not on the list tries a name that looks or folds like one that is. Names compare without the case of A to Z, because
// mail addresses and sign-in names do. Nothing else is folded: in Unicode the Kelvin sign is a `k` in lower case.
import type { Refusal } from "../../boundary.ts";

/** Whether `user` stands in `list`; an entry is a whole name or `*@domain`. */
export function decideSender(user: string, list: readonly string[], channel: string): Refusal | undefined {
  const name = foldCase(user);
  if (list.some((entry) => isNamedBy(name, foldCase(entry)))) return undefined;
  return {
    control: "allowlists",
    reason: "sender_not_listed",
    message: `this sender is not listed under channels.${channel}.users`,
    field: `channels.${channel}.users`,
  };
}

function isNamedBy(name: string, entry: string): boolean {
  if (!entry.startsWith("*@")) return entry === name;
  const domain = entry.slice(2);
  const [local = "", ...rest] = name.split("@");
  return domain !== "" && rest.length === 1 && rest[0] === domain && /^[^\s\p{C}]+$/u.test(local);
}

function foldCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
