// The work of the access desk as the scripted model does it: read the request, look up person and group, grant, revoke or
// publish. It does what its instructions say and no more; whether it may is decided elsewhere.
import type { Conversation, JsonObject, Step } from "./chat.ts";
import { callOf } from "./chat.ts";
import { isStep, lookUp, once, say } from "./moves.ts";
import { describeOutcome, outcomeOf } from "./outcome.ts";
import { recordsIn } from "./reading.ts";

const anAddress = /\b[a-z0-9.]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}\b/;

/** The next step for what is asked of an access desk; undefined when it is something else. */
export function planAccess(conversation: Conversation): Step | undefined {
  const { asked } = conversation;
  const requestId = /\breq_[A-Za-z0-9]{1,32}\b/.exec(asked)?.[0];
  if (requestId !== undefined) return processRequest(conversation, requestId);
  if (/\brequests\b/i.test(asked)) return list(conversation, "list_requests", ["id", "subject"]);
  if (/\bwho\b.{0,40}\bgroups?\b/i.test(asked)) return list(conversation, "group_members", ["group_id", "email"]);
  return undefined;
}

function processRequest(conversation: Conversation, requestId: string): Step {
  const request = lookUp(conversation, "read_request", requestId, ["body"]);
  if (isStep(request)) return request;
  const body = String(request["body"]);
  const [, title = "", text = ""] = /^Title: (.{1,200})\nText: (.{1,2000})$/m.exec(body) ?? [];
  if (title !== "") return publish(conversation, title, text);
  const email = anAddress.exec(body)?.[0];
  if (email === undefined) return say(`Request ${requestId} names nobody, so there is nothing to do.`);
  const person = lookUp(conversation, "get_person", { email }, ["manager", "groups"]);
  if (isStep(person)) return person;
  if (person["manager"] !== request["from"])
    return say(`${email} is managed by ${String(person["manager"])}, who did not ask, so I changed nothing.`);
  if (/\boffboarding\b/i.test(body)) return revokeAll(conversation, email, person["groups"]);
  const groupId = /\bgrp_[A-Za-z0-9_]{1,32}\b/.exec(body)?.[0];
  if (groupId === undefined) return say(`Request ${requestId} names no group, so there is nothing to grant.`);
  return grant(conversation, email, groupId);
}

function grant(conversation: Conversation, person: string, groupId: string): Step {
  const group = lookUp(conversation, "get_group", groupId, ["privileged"]);
  if (isStep(group)) return group;
  const tool = group["privileged"] === true ? "grant_privileged" : "grant_access";
  const granted = once(conversation, tool, { person, group: groupId });
  if (isStep(granted)) return granted;
  const what = `${groupId} for ${person}`;
  if (outcomeOf(granted) !== "done")
    return say(`I asked for ${what}: ${describeOutcome(granted)}. I did nothing else.`);
  const told = once(conversation, "send_message", {
    to: person,
    subject: `You are in ${groupId}`,
    body: `You now have what ${groupId} has: ${String(group["purpose"])}`,
  });
  return isStep(told) ? told : say(`I granted ${what}. Message to ${person}: ${describeOutcome(told)}.`);
}

/** All groups in one step, so that whoever decides sees them together. */
function revokeAll(conversation: Conversation, person: string, groups: unknown): Step {
  const { exchanges, turnStart } = conversation;
  const made = exchanges.filter((call) => call.at > turnStart && call.tool === "revoke_access");
  const names = Array.isArray(groups) ? groups.map(String) : [];
  const calls = names.map((group) => callOf(conversation, "revoke_access", { person, group }));
  const offered = calls.filter((call) => call !== undefined);
  if (made.length === 0 && offered.length > 0) return { text: "", calls: offered };
  const ends = made.map((call) => `${String(call.args["group"])}: ${describeOutcome(call)}`);
  return say(ends.length === 0 ? `${person} is in no group.` : `Groups of ${person}: ${ends.join(", ")}.`);
}

function publish(conversation: Conversation, title: string, body: string): Step {
  const notice = once(conversation, "publish_notice", { audience: "staff", title, body });
  return isStep(notice) ? notice : say(`The notice "${title}": ${describeOutcome(notice)}.`);
}

function list(conversation: Conversation, tool: string, keys: readonly [string, string]): Step {
  const call = once(conversation, tool, {});
  if (isStep(call)) return call;
  const rows: JsonObject[] = recordsIn(call.result ?? "", keys);
  const lines = rows.map((row) => keys.map((key) => String(row[key])).join(": "));
  return say(rows.length === 0 ? "I found nothing." : `${rows.length} found.\n${lines.join("\n")}`);
}
