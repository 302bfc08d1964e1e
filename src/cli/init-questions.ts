// What `./ambit init` wants to know, as data: five questions, some in parts. Each answer is taken by the same shapes that
// parse a deployment file, so what is accepted here deploys. A wrong answer is one line that says what would be right.
import { userInfo } from "node:os";
import type { z } from "zod";
import { personKey } from "../controls/access/people.ts";
import { decideUrl } from "../controls/egress/url.ts";
import { httpUrl, line, member, name } from "../controls/manifest/shapes.ts";

export interface Answers {
  readonly name: string;
  readonly purpose: string;
  readonly provider: string;
  readonly "base-url": string;
  readonly model: string;
  /** URL of the tool server; empty: none. */
  readonly tools: string;
  /** Who may talk, and who decides what waits, each with commas in between. */
  readonly users: string;
  readonly approvers: string;
}

export type Topic = keyof Answers;

export interface Question {
  readonly topic: Topic;
  /** Which of the five it belongs to. */
  readonly number: number;
  readonly prompt: string;
  readonly standard: (answers: Partial<Answers>) => string;
  /** What is wrong with an answer, as in "it must be ..."; undefined when nothing is. */
  readonly fault: (text: string, answers: Partial<Answers>) => string | undefined;
}

export const questionCount = 5;
const providers = {
  "openai-compatible": { url: "https://api.openai.com/v1", model: "gpt-5.4-mini" },
  anthropic: { url: "https://api.anthropic.com/v1", model: "claude-sonnet-5" },
};

const providerOf = ({ provider }: Partial<Answers>) =>
  providers[provider === "anthropic" ? "anthropic" : "openai-compatible"];

export const questions: readonly Question[] = [
  {
    ...{ topic: "name", number: 1, prompt: "What is it called?" },
    standard: () => "my-agent",
    fault: (text) => faultOf(name, text),
  },
  {
    ...{ topic: "purpose", number: 2, prompt: "What is it for, in one sentence?" },
    standard: () => "Answer questions.",
    fault: (text) => faultOf(line(500), text),
  },
  {
    ...{ topic: "provider", number: 3, prompt: "Which protocol does its model speak?" },
    standard: () => "openai-compatible",
    fault: (text) => (Object.hasOwn(providers, text) ? undefined : `must be ${Object.keys(providers).join(" or ")}`),
  },
  {
    ...{ topic: "base-url", number: 3, prompt: "Base URL of the model?" },
    standard: (answers) => providerOf(answers).url,
    fault: (text) => faultOf(httpUrl, text) ?? placeFault(text),
  },
  {
    ...{ topic: "model", number: 3, prompt: "Name of the model?" },
    standard: (answers) => providerOf(answers).model,
    fault: (text) => faultOf(line(200), text),
  },
  {
    ...{ topic: "tools", number: 4, prompt: "URL of its tool server (MCP over HTTP), or nothing?" },
    standard: () => "",
    fault: (text) => (text === "" ? undefined : (faultOf(httpUrl, text) ?? placeFault(text))),
  },
  {
    ...{ topic: "users", number: 5, prompt: "Who may talk to it? Names or *@domain, with commas." },
    standard: () => userInfo().username,
    fault: (text) => listFault(text),
  },
  {
    ...{ topic: "approvers", number: 5, prompt: "Who decides what is held for a person? (Never who asked.)" },
    standard: () => "operator",
    fault: (text, { users = "" }) => listFault(text) ?? aloneFault(text, users),
  },
];

/** The people of an answer. */
export function peopleIn(text: string): string[] {
  const people = text.split(",").map((one) => one.trim());
  return people.filter((one) => one !== "");
}

/** HOST:PORT that has to stand under egress.allow_internal for this URL; undefined when its host is public. */
export function internalPlace(text: string): string | undefined {
  const url = new URL(text);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  // Asked as https on its own port, so that only the host decides.
  const asPublic = `https://${url.hostname}:${port}/`;
  const isPublic = decideUrl(asPublic, { internal: new Set(), ports: new Set([Number(port)]) }, "save");
  return isPublic.verdict === "allow" ? undefined : `${url.hostname}:${port}`;
}

function placeFault(text: string): string | undefined {
  const place = internalPlace(text);
  if (place === undefined)
    return /^http:/i.test(text) ? "must be https://; http:// is for this machine or network only" : undefined;
  const verdict = decideUrl(text, { internal: new Set([place]), ports: new Set() }, "save");
  return verdict.verdict === "allow" ? undefined : `must be another URL: ${verdict.refusal.message}`;
}

function listFault(text: string): string | undefined {
  const people = peopleIn(text);
  if (people.length === 0) return "must have at least one name";
  if (people.some((one) => one.startsWith("group:"))) return "must be names: groups can be added in the file";
  const faults = people.map((one) => faultOf(member, one));
  return faults.find((fault) => fault !== undefined);
}

/** With one person on both sides nothing could ever be approved. */
function aloneFault(approvers: string, users: string): string | undefined {
  const [some, others] = [approvers, users].map((text) => new Set(peopleIn(text).map(personKey)));
  if (some?.size !== 1 || others?.size !== 1 || [...some].some((one) => !others.has(one) || one.startsWith("*@")))
    return undefined;
  return `must be somebody else than ${peopleIn(users).join()}: nobody approves what they asked for themselves`;
}

function faultOf(shape: z.ZodType, text: string): string | undefined {
  const parsed = shape.safeParse(text);
  if (parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  return `must be ${text === "" ? "something" : (issue?.message ?? "something else")}`;
}
