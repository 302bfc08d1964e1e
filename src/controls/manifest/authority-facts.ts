// Control `redeploys`, `least-privilege`: everything that a release allows, as a list of facts. An attacker wants a key of
// the deployment file that allows something and stands in no fact: so each part of the file is taken apart by name, and
// what has no name here is a fact as it stands, which nobody can call narrower. Names of groups are nothing; people are.
import { sha256Hex } from "../audit/digest.ts";
import { bindFacts, bound, grant, people, roleFacts, unnamed, type Fact } from "./authority-fact.ts";
import { describeCredential, toolFacts } from "./authority-tools.ts";
import type { Release } from "./release.ts";
import type { Manifest, RecordView } from "./schema.ts";
import { durationMs } from "./shapes.ts";

/** Every fact of a release. */
export function listAuthority({
  manifest,
  instructions,
  policy,
  recordFiles,
}: Pick<Release, "manifest" | "instructions" | "policy" | "recordFiles">): Fact[] {
  const {
    version: _version,
    name: _name,
    purpose: _purpose,
    agent,
    limits,
    groups,
    approvers: _roles,
    ...more
  } = manifest;
  const { mode, unattended, channels, records, servers, egress, policy: _file, redeploys, hosts, ...others } = more;
  // What overlays took away is missing here already.
  const { overlays: _overlays, ...rest } = others;
  const { allow, allow_internal, ...otherEgress } = egress;
  return [
    ...(mode === "enforce" ? [] : [grant("mode", mode, "what would be refused or held happens all the same")]),
    ...(unattended ? [bound("unattended", "", "what would wait for a person is refused")] : []),
    ...agentFacts(agent, instructions, limits.usd_per_day !== undefined),
    ...limitFacts(limits),
    ...(redeploys === undefined ? [] : [redeployFact(redeploys, manifest)]),
    ...channelFacts(channels, groups),
    ...(hosts ?? []).map((host) => grant("host name", host, "the front serves this deployment there")),
    ...Object.entries(records).map(([view, record]) => viewFact(view, record, recordFiles[view] ?? record.file)),
    ...Object.entries(servers).flatMap(([server, value]) => serverFacts(server, value, manifest)),
    ...allow.map((url) => grant("host", url, "requests may go there")),
    ...allow_internal.map((place) => grant("internal host", place, "requests may go there")),
    ...unnamed("egress", "", otherEgress),
    ...(policy === null ? [] : [bound("policy", "", `Cedar policies ${sha256Hex(policy).slice(0, 12)}`)]),
    ...unnamed("file", "", rest, groups),
  ];
}

function agentFacts(agent: Manifest["agent"], instructions: string, hasPrice: boolean): Fact[] {
  const { instructions: _file, model, ...rest } = agent;
  const { provider, base_url, name, credential, price, ...other } = model;
  const steers = (kind: string, value: string): Fact => ({ kind, subject: "", value, sense: "steers", width: null });
  return [
    steers("instructions", sha256Hex(instructions).slice(0, 12)),
    steers("model name", name),
    grant("model", base_url, `is asked, as ${provider}`),
    ...(credential === undefined ? [] : [describeCredential(credential.slice("secret:".length), `model ${base_url}`)]),
    // A budget in dollars buys more where a token costs less.
    ...(hasPrice && price !== undefined
      ? [
          bound("price", "input", `${price.input} dollars a million tokens`, -price.input),
          bound("price", "output", `${price.output} dollars a million tokens`, -price.output),
        ]
      : []),
    ...unnamed("model", "", other),
    ...unnamed("agent", "", rest),
  ];
}

function limitFacts({ turn_timeout, ...limits }: Manifest["limits"]): Fact[] {
  const facts = Object.entries(limits).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (typeof value === "number") return [bound("limit", key, String(value), value)];
    return [rateFact(key, value)];
  });
  return [...facts, bound("limit", "turn_timeout", turn_timeout, durationMs(turn_timeout))];
}

const windowSeconds: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, day: 86_400 };

/** `20/min` is twenty at once and one every three seconds. */
function rateFact(key: string, rate: string): Fact {
  const [count = "", window = ""] = rate.split("/");
  const seconds = windowSeconds[window];
  if (seconds === undefined) return bound("limit", key, rate);
  const parts = [
    bound("limit", `${key} at once`, count, Number(count)),
    bound("limit", `${key} over time`, rate, Number(count) / seconds),
  ];
  return { ...bound("limit", key, rate), parts };
}

function redeployFact({ by, count, ...rest }: NonNullable<Manifest["redeploys"]>, manifest: Manifest): Fact {
  const parts = [
    bound("redeploys", "by", by),
    bound("redeploys", "count", String(count), -count),
    ...roleFacts(by, manifest),
    ...unnamed("redeploys", "", rest),
  ];
  return { ...bound("redeploys", "", `growth needs ${count} of ${by}`), parts };
}

function channelFacts(channels: Manifest["channels"], groups: Manifest["groups"]): Fact[] {
  return Object.entries(channels).flatMap(([channel, lists]) => {
    if (lists === undefined) return [];
    const { users, rooms, workspaces, ...own } = lists;
    const { secret, ...rest }: { secret?: string } = own;
    const places = (kind: string, list: readonly string[] | undefined): Fact[] => {
      if (list === undefined) return [];
      const parts = list.map((place) => grant(kind, channel, place));
      return [{ ...bound(`${kind}s`, channel, `only ${list.join(", ")}`), parts }];
    };
    const listed = people(users ?? [], groups);
    const parts = [
      ...listed.map((user) => grant("user", channel, user)),
      ...places("room", rooms),
      ...places("workspace", workspaces),
      ...(secret === undefined ? [] : [grant("signature", channel, `of whoever holds secret:${secret}`)]),
      ...unnamed("channel", `${channel}.`, rest, groups),
    ];
    const signed = secret === undefined ? "" : `, signed with secret:${secret}`;
    return [{ ...grant("channel", channel, `takes messages of ${listed.join(", ")}${signed}`), parts }];
  });
}

function viewFact(view: string, record: RecordView, file: string): Fact {
  const { file: _file, sql, bind, returns, max_rows, ...rest } = record;
  const parts = [
    grant("record file", view, file),
    grant("record query", view, sql),
    ...bindFacts("record parameter", view, bind),
    // A column that is not named is a record.
    ...Object.entries(returns).flatMap(([column, label]) =>
      label === "untrusted" ? [bound("record column", `${view}.${column}`, "untrusted")] : [],
    ),
    grant("record rows", view, String(max_rows), max_rows),
    ...unnamed("record", `${view}.`, rest),
  ];
  return { ...grant("record", view, `reads ${file}: ${sql}`), parts };
}

function serverFacts(
  server: string,
  { url, credential, tools, ...rest }: Manifest["servers"][string],
  manifest: Manifest,
): Fact[] {
  return [
    grant("server", server, url),
    ...(credential === undefined ? [] : [describeCredential(credential.secret, `server ${server} at ${url}`)]),
    ...Object.entries(tools).map(([tool, contract]) => toolFacts(`${server}.${tool}`, contract, manifest)),
    ...unnamed("server", `${server}.`, rest),
  ];
}
