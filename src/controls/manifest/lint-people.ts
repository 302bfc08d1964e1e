// Controls `review`, `allowlists`: lists of people that say something else than whoever wrote them believes: a review by a
// role that nobody has, a second approver who does not exist, a group that stands nowhere. Pure; each finding names the
// field and the fix.
import { groupOf, isListed, peopleOf, personKey } from "../access/people.ts";
import type { Finding } from "./lint.ts";
import type { Contract, Manifest } from "./schema.ts";

/** Everything wrong or weak in who may speak and who may decide. */
export function lintPeople(manifest: Manifest): Finding[] {
  const { groups, approvers, channels } = manifest;
  const lists: [string, readonly string[]][] = Object.entries(approvers).map(([role, list]) => [
    `approvers.${role}`,
    list,
  ]);
  for (const [channel, who] of Object.entries(channels)) {
    if (who !== undefined) lists.push([`channels.${channel}.users`, who.users]);
  }
  return [
    ...Object.entries(groups).flatMap(([group, list]) => lintGroup(`groups.${group}`, list)),
    ...lists.flatMap(([field, list]) => lintMembers(field, list, manifest)),
    ...Object.entries(manifest.servers).flatMap(([server, { tools }]) =>
      Object.entries(tools).flatMap(([tool, contract]) =>
        lintReview(`servers.${server}.tools.${tool}.review`, contract.review, manifest),
      ),
    ),
    ...lintReview("redeploys", manifest.redeploys, manifest),
    ...lintUnused(manifest),
  ];
}

function lintGroup(field: string, list: readonly string[]): Finding[] {
  return list.flatMap((entry, at) =>
    groupOf(entry) === undefined ? [] : [error(`${field}.${at}`, "a group holds people and no other group")],
  );
}

function lintMembers(field: string, list: readonly string[], { groups }: Manifest): Finding[] {
  const missing = list.flatMap((entry, at) => {
    const group = groupOf(entry);
    if (group === undefined || Object.hasOwn(groups, group)) return [];
    return [error(`${field}.${at}`, `there is no group "${group}": add it under groups, with its people`)];
  });
  if (missing.length > 0 || peopleOf(list, groups).length > 0) return missing;
  return [error(field, "names nobody: list at least one person")];
}

type Asked = Pick<NonNullable<Contract["review"]>, "by" | "count">;

function lintReview(field: string, review: Asked | undefined, { groups, approvers, channels }: Manifest): Finding[] {
  if (!review) return [];
  const list = Object.hasOwn(approvers, review.by) ? approvers[review.by] : undefined;
  if (!list) {
    return [error(`${field}.by`, `there is no role "${review.by}": add it under approvers, with who may decide`)];
  }
  const people = peopleOf(list, groups);
  if (people.some((entry) => entry.startsWith("*@"))) return [];
  const count = new Set(people.map(personKey)).size;
  if (count < review.count) {
    const message = `asks ${review.count} people, and approvers.${review.by} has ${count}: nobody could ever approve`;
    return [error(`${field}.count`, message)];
  }
  const speakers = Object.values(channels).flatMap((who) => who?.users ?? []);
  const own = people.find((person) => isListed(person, speakers, groups));
  if (count > review.count || own === undefined) return [];
  const message = `${own} may speak and never counts for a call of their own: then approvers.${review.by} has too few others`;
  return [{ level: "warning", field: `${field}.count`, message }];
}

function lintUnused({ approvers, servers, redeploys }: Manifest): Finding[] {
  const tools = Object.values(servers).flatMap((server) => Object.values(server.tools));
  const used = new Set([...tools.map(({ review }) => review?.by), redeploys?.by]);
  return Object.keys(approvers)
    .filter((role) => !used.has(role))
    .map((role) => ({ level: "warning", field: `approvers.${role}`, message: "no review is by this role" }));
}

function error(field: string, message: string): Finding {
  return { level: "error", field, message };
}
