// Control `schemas`, `least-privilege`: the deployment file, once. This zod schema is the source of the type, the
// parser, the JSON Schema for editors and the table in the docs. An attacker here is whoever hands an operator a file:
// what is not listed does not exist, unknown keys are errors, and nothing is coerced.
import { z } from "zod";
import {
  amount,
  duration,
  fileBeside,
  hostName,
  httpUrl,
  identifier,
  line,
  member,
  name,
  plainPath,
  plainText,
  property,
  rate,
  scalar,
  secretName,
  secretRef,
  toolName,
  user,
} from "./shapes.ts";

const model = z
  .strictObject({
    provider: z.enum(["openai-compatible", "anthropic"]).describe("protocol the model speaks"),
    base_url: httpUrl.describe("base URL; an address that is not public must also stand under egress.allow_internal"),
    name: line(200).describe("model name, as the provider spells it"),
    credential: secretRef.optional().describe("secret:NAME; the broker adds it, the gate never sees it"),
    price: z
      .strictObject({
        input: z.number().min(0).max(10_000).describe("US dollars for a million tokens that it reads"),
        output: z.number().min(0).max(10_000).describe("US dollars for a million tokens that it writes"),
      })
      .optional()
      .describe("what it costs; limits.usd_per_day needs it"),
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
    messages_per_user: rate.optional().describe("messages one user may send"),
    messages_per_channel: rate.optional().describe("messages that may come in over one channel"),
    messages_per_deployment: rate.optional().describe("messages that may come in at all"),
    calls_per_user: rate.optional().describe("tool calls that may run for one user"),
    calls_per_deployment: rate.optional().describe("tool calls that may run at all"),
    tokens_per_turn: z.int().min(100).max(10_000_000).default(60_000).describe("tokens one turn may use"),
    tokens_per_day: z
      .int()
      .min(100)
      .max(100_000_000_000)
      .optional()
      .describe("tokens a day (UTC) for model calls, reserved before each"),
    usd_per_day: amount
      .positive("more than 0")
      .max(1_000_000)
      .optional()
      .describe("US dollars a day (UTC) for model calls, reserved before each"),
    steps_per_turn: z.int().min(1).max(200).default(20).describe("model answers one turn may take"),
    turn_timeout: duration("24h")
      .default("10m")
      .describe("time one turn may take, waiting for a person not counted; at most 24h"),
  })
  .prefault({})
  .describe("what a turn, a user and a day may use");

const places = z.array(line(254)).min(1).max(1000).optional();
const speakers = {
  users: z.array(member).min(1).max(1000).describe("who may speak: exact, *@domain or group:NAME"),
  rooms: places.describe("rooms a message may come from; then it must name one"),
  workspaces: places.describe("workspaces a message may come from; then it must name one"),
};

const channels = z
  .strictObject({
    api: z.strictObject(speakers).optional().describe("the HTTP channel; left out, it is off"),
    webhook: z
      .strictObject({
        ...speakers,
        secret: secretName.describe(
          "name of the secret that signs (whsec_...); the broker checks, the gate never sees it",
        ),
      })
      .optional()
      .describe("messages as signed webhooks (standardwebhooks.com); left out, it is off"),
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
    by: name.describe("the role, one of approvers, whose members may decide"),
    count: z.int().min(1).max(5).default(1).describe("how many different people must approve; who asked never counts"),
    expires: duration("30d").default("4h").describe("undecided after this means denied; at most 30d"),
  })
  .describe("who decides; a call with impact, or one that cannot be undone, waits for a person even without it");

const total = z
  .strictObject({
    per_turn: amount.optional().describe("of one turn"),
    per_user: amount.optional().describe("of one user in 24 hours"),
    per_day: amount.optional().describe("of all in 24 hours"),
  })
  .describe("bounds of one sum");

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
      .record(property, amount)
      .default({})
      .describe(
        "upper bound of a numeric argument, which must then be given; per_turn, per_user and per_day bound the calls of a turn, and of one user and of all in 24 hours",
      ),
    total: z
      .record(property, total)
      .default({})
      .describe("upper bound of the sum of a numeric argument over several calls"),
    only: z
      .record(property, z.array(scalar).min(1).max(100))
      .default({})
      .describe("the values an argument may have; it must then be given"),
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

const redeploys = z
  .strictObject({
    by: name.describe("the role, one of approvers, whose members must agree"),
    count: z.int().min(1).max(5).default(1).describe("how many different people; who deploys never counts"),
  })
  .describe("a release that may do more than the one that runs needs these people before it runs");

export const manifestSchema = z
  .strictObject({
    version: z.literal(1).describe("version of this format"),
    name: name.describe("name of the deployment"),
    purpose: line(500).describe("one sentence: what this agent is for"),
    mode: z
      .enum(["enforce", "observe"])
      .default("enforce")
      .describe("observe: what policy would refuse or hold is logged and happens all the same; never for production"),
    unattended: z
      .boolean()
      .default(false)
      .describe("true: nobody is there to decide, so what would wait for a person is refused"),
    agent,
    limits,
    groups: z
      .record(name, z.array(user).min(1).max(1000))
      .default({})
      .describe("lists of people, for group:NAME elsewhere in this file"),
    approvers: z
      .record(name, z.array(member).min(1).max(1000))
      .default({})
      .describe("roles and who has them: who may decide a call whose review is by that role"),
    redeploys: redeploys.optional(),
    channels,
    hosts: z
      .array(hostName)
      .min(1)
      .max(20)
      .optional()
      .describe("host names at which the front serves this deployment alone, without /d/NAME before the path"),
    records: z.record(identifier, record).default({}).describe("what the agent may look up, by name"),
    servers: z.record(name, server).default({}).describe("tool servers, by name"),
    egress,
    policy: fileBeside
      .optional()
      .describe("Cedar policies (policy.cedar) in this file's folder; they can only forbid more"),
    overlays: z
      .array(fileBeside)
      .min(1)
      .max(8)
      .refine((files) => new Set(files.map(plainPath)).size === files.length, { error: "each overlay once" })
      .optional()
      .describe("files in this file's folder that only narrow what it grants, in this order"),
  })
  .describe("Ambit deployment file");

export type Manifest = z.infer<typeof manifestSchema>;
export type Contract = z.infer<typeof contract>;
export type RecordView = z.infer<typeof record>;

/** Refuses files above this many bytes before any parser sees them. */
export const maxManifestBytes = 262_144;
