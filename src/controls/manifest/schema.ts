// Control `schemas`, `least-privilege`: the deployment file, once. This zod schema is the source of the type, the
// parser, the JSON Schema for editors and the table in the docs. An attacker here is whoever hands an operator a file:
// what is not listed does not exist, unknown keys are errors, and nothing is coerced.
import { z } from "zod";
import { isPrintable } from "./printable.ts";

/** Duration such as `500ms`, `30s`, `10m`, `4h`, `30d`. */
export const durationPattern = /^[1-9][0-9]{0,5}(ms|s|m|h|d)$/;
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Timers hold 31 bits of milliseconds: a longer one fires at once. */
function duration(most: string) {
  const shape = z.string().regex(durationPattern, { error: "a duration such as 30s, 10m, 4h or 30d", abort: true });
  return shape.refine((text) => durationMs(text) <= durationMs(most), { error: `a duration of at most ${most}` });
}

/** One line that an operator is shown. */
function line(most: number) {
  const error = "one line without control or invisible characters";
  return z.string().min(1).max(most).refine(isPrintable, { error });
}

/** Text that is handed on. */
function plainText(most: number) {
  return z
    .string()
    .max(most)
    .refine((value) => value.isWellFormed() && !value.includes("\0"), { error: "plain text" });
}
/** Rate such as `20/min`. */
export const ratePattern = /^[1-9][0-9]{0,6}\/(s|min|h|day)$/;
const rate = z.string().regex(ratePattern, "a rate such as 20/min, 100/h or 5/s");
/** Names become socket paths and host labels: short, lower case, no dots. */
export const namePattern = /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/;
const name = z.string().regex(namePattern, "2 to 40 lower-case letters, digits and dashes, starting with a letter");
const identifier = z.string().regex(/^[a-z][a-z0-9_]{0,47}$/, "1 to 48 lower-case letters, digits and underscores");
/** MCP tool names as servers really use them. */
const toolName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, "1 to 64 letters, digits, _ . and -");
const property = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, "a top-level property name");
const secretRef = z.string().regex(/^secret:[a-z][a-z0-9_-]{0,47}$/, "secret:NAME, the value itself never stands here");
const secretName = z.string().regex(/^[a-z][a-z0-9_-]{0,47}$/, "the name of a secret, the value never stands here");
const scalar = z.union([plainText(4096), z.number().finite(), z.boolean()], {
  error: "a text, a number, true or false",
});
const httpUrl = line(2048)
  .refine((url) => /^https?:\/\/[^/\\\s@]+(\/[^\s\\]*)?$/i.test(url) && URL.canParse(url), {
    error: "an http(s) URL without user, password or white space",
  })
  .refine((url) => !/[?#]/.test(url), { error: "a URL without query or fragment" });
/** The text of this file goes to the model: it must not be able to name any file of whoever deploys it. */
const fileBeside = line(1024).refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), {
  error: "a file in the folder of this file or below it",
});

const model = z
  .strictObject({
    provider: z.enum(["openai-compatible", "anthropic"]).describe("protocol the model speaks"),
    base_url: httpUrl.describe("base URL; an address that is not public must also stand under egress.allow_internal"),
    name: line(200).describe("model name, as the provider spells it"),
    credential: secretRef.optional().describe("secret:NAME; the broker adds it, the gate never sees it"),
  })
  .describe("the model this agent asks");

const agent = z
  .strictObject({
    instructions: fileBeside.describe("text file in this file's folder; part of the release"),
    model,
  })
  .describe("what the agent is told and which model it asks");

const limits = z
  .strictObject({
    messages_per_user: rate.optional().describe("messages one user may send (read, not enforced yet)"),
    tokens_per_turn: z.int().min(100).max(10_000_000).default(60_000).describe("tokens one turn may use"),
    usd_per_day: z
      .number()
      .positive()
      .max(1_000_000)
      .optional()
      .describe("US dollars a day for model calls (read, not enforced yet)"),
    steps_per_turn: z.int().min(1).max(200).default(20).describe("model answers one turn may take"),
    turn_timeout: duration("24h")
      .default("10m")
      .describe("time one turn may take, waiting for a person not counted; at most 24h"),
  })
  .prefault({})
  .describe("what one turn may use");

const user = line(254).regex(/^(\*@[^*@\s]+|[^*]+)$/, "a whole name, or *@domain");

const channels = z
  .strictObject({
    api: z
      .strictObject({
        users: z.array(user).min(1).max(1000).describe("who may speak: exact or *@domain"),
      })
      .optional()
      .describe("the HTTP channel; left out, it is off"),
  })
  .prefault({})
  .describe("ways in, each off until it stands here");

const label = z.enum(["record", "untrusted"]);

const record = z
  .strictObject({
    file: line(1024).describe("SQLite file, relative to this file or absolute; opened read-only by the broker"),
    sql: plainText(8192).min(1).describe("one SELECT; values only through :named parameters"),
    bind: z.record(identifier, scalar).default({}).describe("parameters fixed by the operator, hidden from the model"),
    returns: z.record(property, label).default({}).describe("label per column; unnamed columns are record"),
    max_rows: z.int().min(1).max(1000).default(100).describe("rows one reading may return"),
  })
  .describe("a named view: one fixed query on one database");

const review = z
  .strictObject({
    by: name.describe("the role whose members may decide (read, not enforced yet)"),
    count: z.int().min(1).max(5).default(1).describe("how many different people must approve (only 1 so far)"),
    expires: duration("30d").default("4h").describe("undecided after this means denied; at most 30d"),
  })
  .describe("who decides; a call with impact, or one that cannot be undone, waits for a person even without it");

export const contract = z
  .strictObject({
    effect: z.enum(["read", "local", "reversible", "outward", "irreversible"]).describe("what it does to the world"),
    impact: z
      .enum(["none", "spend", "access", "publish", "customer"])
      .default("none")
      .describe("what it does to people; anything but none waits for a person"),
    authority: z.array(property).max(64).default([]).describe("arguments that decide who, where, which, how much"),
    payload: z.array(property).max(64).default([]).describe("arguments that are content only"),
    bind: z.record(property, scalar).default({}).describe("arguments fixed by the operator, hidden from the model"),
    max: z
      .record(property, z.number().finite().min(0))
      .default({})
      .describe("upper bound of a numeric argument, which must then be given; per_day bounds the calls in 24 hours"),
    review: review.optional(),
    returns: z
      .record(property, label)
      .default({})
      .describe("label per field of the result; unnamed fields are untrusted"),
    timeout: duration("1h").default("30s").describe("time one call may take; at most 1h"),
  })
  .describe("what one tool may do");

const credential = z
  .strictObject({
    secret: secretName.describe("name of the secret"),
    as: z.literal("bearer").describe("how it is added: Authorization: Bearer"),
  })
  .describe("what the broker adds; the gate never sees it");

const server = z
  .strictObject({
    url: httpUrl.describe("MCP endpoint (Streamable HTTP)"),
    credential: credential.optional(),
    tools: z.record(toolName, contract).describe("a tool that is not named does not exist"),
  })
  .describe("one tool server");

const hostPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]{2,45}\]|[A-Za-z0-9.-]{1,253}):[1-9][0-9]{0,4}$/, "HOST:PORT, such as 127.0.0.1:7411")
  .refine((place) => Number(place.slice(place.lastIndexOf(":") + 1)) <= 65_535, { error: "a port up to 65535" });
const allowUrl = line(2048)
  .regex(/^https:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?\/[^\s\\?#]*$/, "https://HOST/PATH, the path may end in *")
  .refine((url) => URL.canParse(url), { error: "a URL that exists: look at host and port" });

const egress = z
  .strictObject({
    allow: z.array(allowUrl).max(200).default([]).describe("https destinations the agent may reach"),
    allow_internal: z.array(hostPort).max(50).default([]).describe("HOST:PORT of this machine or network, one by one"),
  })
  .prefault({})
  .describe("where requests may go beyond the model and the servers");

export const manifestSchema = z
  .strictObject({
    version: z.literal(1).describe("version of this format"),
    name: name.describe("name of the deployment"),
    purpose: line(500).describe("one sentence: what this agent is for"),
    agent,
    limits,
    channels,
    records: z.record(identifier, record).default({}).describe("what the agent may look up, by name"),
    servers: z.record(name, server).default({}).describe("tool servers, by name"),
    egress,
  })
  .describe("Ambit deployment file");

export type Manifest = z.infer<typeof manifestSchema>;
export type Contract = z.infer<typeof contract>;
export type RecordView = z.infer<typeof record>;

/** Refuses files above this many bytes before any parser sees them. */
export const maxManifestBytes = 262_144;

/** Milliseconds of a duration that the schema has accepted. */
export function durationMs(text: string): number {
  const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof unitMs | undefined;
  if (unit === undefined || !durationPattern.test(text)) throw new Error(`not a duration: ${text}`);
  return Number.parseInt(text, 10) * unitMs[unit];
}
