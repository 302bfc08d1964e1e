// Controls `allowlists`, `review`: whether a list of people names a person. Whoever is not on a list tries a name that
// looks or folds like one that is, and whoever is on it tries to be two people. So the two questions fold differently:
// to be named, only the case of A to Z is ignored, as mail addresses and sign-in names do (in Unicode the Kelvin sign is
// a `k` in lower case); to count as one person, everything is ignored by which a name could be written twice.

/** The lists under `groups` of a deployment file. */
export type Groups = Readonly<Record<string, readonly string[]>>;

const groupPrefix = "group:";

/** Whether `list` names `user`; an entry is a whole name, `*@domain` or `group:NAME`, and groups hold no groups. */
export function isListed(user: string, list: readonly string[], groups: Groups): boolean {
  const name = foldCase(user);
  return peopleOf(list, groups).some((entry) => isNamedBy(name, foldCase(entry)));
}

/** The entries of a list with its groups replaced by their people. */
export function peopleOf(list: readonly string[], groups: Groups): string[] {
  const people = list.flatMap((entry) => {
    const group = groupOf(entry);
    if (group === undefined) return [entry];
    return Object.hasOwn(groups, group) ? (groups[group] ?? []) : [];
  });
  return people.filter((entry) => groupOf(entry) === undefined);
}

/** The group that an entry of a list stands for, if it is no person. */
export function groupOf(entry: string): string | undefined {
  return entry.startsWith(groupPrefix) ? entry.slice(groupPrefix.length) : undefined;
}

/** What two spellings of one person have in common; never used to let anybody in. */
export function personKey(name: string): string {
  const bare = name.normalize("NFKC").replace(/[\s\p{C}\p{Default_Ignorable_Code_Point}]/gu, "");
  return bare.toLowerCase().normalize("NFKC");
}

function isNamedBy(name: string, entry: string): boolean {
  if (!entry.startsWith("*@")) return entry === name;
  const domain = entry.slice(2);
  const [local = "", ...rest] = name.split("@");
  return domain !== "" && rest.length === 1 && rest[0] === domain && /^[^*\s\p{C}]+$/u.test(local);
}

function foldCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
