// Control `least-privilege`, `callbacks`: which rule of the deployment file lets this request out, and which credential
// goes with it. A hostile gate asks for any URL with any method; a hostile tool or document wants a listed host to carry
// a credential somewhere else. Must stay true: a credential goes only to exactly the URL of its server or model, a path
// rule cannot be climbed out of, and what no rule names is refused.
import type { Manifest } from "../manifest/schema.ts";
import { allowed, quoted, refused, type Checked } from "./refusal.ts";
import { decideUrl, hostPort, type CheckedUrl, type Listed } from "./url.ts";

/** A credential to add, by name; the value is known to the broker alone. */
export interface Credential {
  readonly secret: string;
  readonly as: "bearer" | "x-api-key";
}

export interface Destination extends CheckedUrl {
  readonly rule: "server" | "allow" | "allow_internal" | "model";
  /** Name of the server, the pattern, HOST:PORT or the model that let it through. */
  readonly entry: string;
  readonly credential: Credential | null;
}

interface ServerRule {
  readonly name: string;
  readonly url: URL;
  readonly credential: Credential | null;
}

interface AllowRule {
  readonly pattern: string;
  readonly origin: string;
  readonly path: string;
  readonly isPrefix: boolean;
}

/** The rules of one release, parsed once. */
export interface EgressPlan {
  readonly listed: Listed;
  readonly servers: readonly ServerRule[];
  readonly allow: readonly AllowRule[];
  readonly model: {
    readonly base: string;
    readonly provider: Manifest["agent"]["model"]["provider"];
    readonly credential: Credential | null;
  };
}

/** Paths of a model's API that a gate may ask, by provider. */
const modelPaths = { "openai-compatible": "/chat/completions", anthropic: "/messages" } as const;

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
/** MCP Streamable HTTP knows no others. */
const serverMethods = new Set(["GET", "POST", "DELETE"]);

/** Parses the egress rules of a release. What can never take effect is found by `decidePlan`. */
export function planEgress(manifest: Manifest): EgressPlan {
  const { agent, servers, egress } = manifest;
  const allow = egress.allow.map(parseAllow).filter((rule) => rule !== null);
  const serverRules = Object.entries(servers).map(([name, server]) => ({
    name,
    url: new URL(server.url),
    credential: server.credential === undefined ? null : { secret: server.credential.secret, as: server.credential.as },
  }));
  const secret = agent.model.credential?.slice("secret:".length);
  const as = agent.model.provider === "anthropic" ? ("x-api-key" as const) : ("bearer" as const);
  return {
    listed: {
      internal: new Set(egress.allow_internal.map(parseHostPort).filter((entry) => entry !== null)),
      ports: new Set(
        [
          ...serverRules.map((rule) => rule.url.href),
          ...allow.map((rule) => rule.origin),
          agent.model.base_url,
        ].flatMap(namedPort),
      ),
    },
    servers: serverRules,
    allow,
    model: {
      base: agent.model.base_url.replace(/\/+$/, ""),
      provider: agent.model.provider,
      credential: secret === undefined ? null : { secret, as },
    },
  };
}

/** The first destination of a deployment file that no request could ever reach, or null: a rule without effect is a mistake. */
export function decidePlan(manifest: Manifest): Checked<EgressPlan> {
  const plan = planEgress(manifest);
  const field = (path: string, verdict: Checked<unknown>): Checked<EgressPlan> | null =>
    verdict.verdict === "allow"
      ? null
      : refused(verdict.refusal.control, verdict.refusal.reason, `${path}: ${verdict.refusal.message}`, path);
  for (const [index, entry] of manifest.egress.allow_internal.entries()) {
    if (parseHostPort(entry) === null)
      return refuseEntry(`egress.allow_internal.${index}`, `${quoted(entry)} is not HOST:PORT`);
  }
  for (const [index, entry] of manifest.egress.allow.entries()) {
    const rule = parseAllow(entry);
    if (rule === null)
      return refuseEntry(
        `egress.allow.${index}`,
        `${quoted(entry)}: a * may only stand at the end, and no . or .. in the path`,
      );
    const bad = field(`egress.allow.${index}`, decideUrl(rule.origin + "/", plan.listed, "save"));
    if (bad !== null) return bad;
  }
  for (const rule of plan.servers) {
    const bad = field(`servers.${rule.name}.url`, decideUrl(rule.url.href, plan.listed, "save"));
    if (bad !== null) return bad;
    const twin = plan.servers.find((one) => one.url.href === rule.url.href && !isSameCredential(one, rule));
    if (twin !== undefined) {
      return refuseEntry(
        `servers.${rule.name}.url`,
        `servers.${twin.name} has the same URL with another credential, and a request does not say which of the two is meant`,
      );
    }
  }
  return field("agent.model.base_url", decideUrl(plan.model.base, plan.listed, "save")) ?? allowed(plan);
}

/**
 * Which rule lets this request out.
 * @param text the full URL of the request, as it came
 */
export function decideDestination(plan: EgressPlan, method: string, text: string): Checked<Destination> {
  if (!methods.has(method))
    return refused(
      "least-privilege",
      "method_not_allowed",
      `${quoted(method)} is not a method that leaves this machine`,
    );
  const verdict = decideUrl(text, plan.listed, "send");
  if (verdict.verdict === "refuse") return asPrivate(verdict);
  if (!isPlainPath(text)) {
    return refused(
      "callbacks",
      "url.path",
      `${quoted(text)}: dot segments, or an encoded dot, slash, backslash or zero in the path`,
    );
  }
  return decideRule(plan, method, verdict.value);
}

/**
 * Where a request to `model.internal` goes.
 * @param path path and query as the gate sent them
 */
export function decideModelCall(plan: EgressPlan, method: string, path: string): Checked<Destination> {
  const wanted = modelPaths[plan.model.provider];
  if (method !== "POST" || path !== wanted) {
    return refused(
      "least-privilege",
      "model_path_not_allowed",
      `a model of this provider is only asked with POST ${wanted}, not ${quoted(`${method} ${path}`)}`,
    );
  }
  const verdict = decideUrl(plan.model.base + wanted, plan.listed, "send");
  if (verdict.verdict === "refuse") return asPrivate(verdict);
  return allowed({ ...verdict.value, rule: "model", entry: plan.model.provider, credential: plan.model.credential });
}

function decideRule(plan: EgressPlan, method: string, target: CheckedUrl): Checked<Destination> {
  const { origin, pathname, search } = target.url;
  const server = plan.servers.find(
    (rule) => rule.url.origin === origin && rule.url.pathname === pathname && search === "",
  );
  if (server !== undefined && serverMethods.has(method)) {
    return allowed({ ...target, rule: "server", entry: server.name, credential: server.credential });
  }
  const rule = plan.allow.find(
    (one) => one.origin === origin && (one.isPrefix ? pathname.startsWith(one.path) : pathname === one.path),
  );
  if (rule !== undefined) return allowed({ ...target, rule: "allow", entry: rule.pattern, credential: null });
  const listed = hostPort(target.host, target.port);
  if (target.isListed) return allowed({ ...target, rule: "allow_internal", entry: listed, credential: null });
  return refused(
    "least-privilege",
    "host_not_allowed",
    `${quoted(origin + pathname)} is not listed: add it under egress.allow (https) or its HOST:PORT under egress.allow_internal`,
  );
}

/**
 * Whether the path means to every server what it means to us. Raw text, because WHATWG has already resolved the dots;
 * `;` because some servers drop what follows it in a segment; %25 because some servers decode twice.
 */
function isPlainPath(text: string): boolean {
  const path = (/^[^:]+:\/\/[^/?#]*([^?#]*)/.exec(text) ?? [])[1] ?? "";
  if (/%(?:25)*(?:2e|2f|5c|00)/i.test(path)) return false;
  return path.split("/").every((segment) => !/^\.{1,2}(;|$)/.test(segment));
}

function isSameCredential(one: ServerRule, other: ServerRule): boolean {
  return one.credential?.secret === other.credential?.secret && one.credential?.as === other.credential?.as;
}

function parseAllow(pattern: string): AllowRule | null {
  const star = pattern.indexOf("*");
  if ((star !== -1 && star !== pattern.length - 1) || !isPlainPath(pattern)) return null;
  const url = URL.parse(star === -1 ? pattern : pattern.slice(0, -1));
  if (url === null || url.protocol !== "https:") return null;
  return { pattern, origin: url.origin, path: url.pathname, isPrefix: star !== -1 };
}

function parseHostPort(entry: string): string | null {
  const colon = entry.lastIndexOf(":");
  const port = Number(entry.slice(colon + 1));
  const url = URL.parse(`http://${entry.slice(0, colon)}/`);
  if (url === null || !Number.isInteger(port) || port < 1 || port > 65_535) return null;
  return hostPort(url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, ""), port);
}

function namedPort(text: string): number[] {
  const port = URL.parse(text)?.port ?? "";
  return port === "" ? [] : [Number(port)];
}

/** On the wire every address rule is one word; the message names the rule. */
function asPrivate(verdict: Extract<Checked<unknown>, { verdict: "refuse" }>): Checked<never> {
  const { control, reason, message } = verdict.refusal;
  return reason.startsWith("address.") ? refused(control, "private_address", `${reason}: ${message}`) : verdict;
}

function refuseEntry(field: string, message: string): Checked<EgressPlan> {
  return refused("schemas", "rule_without_effect", `${field}: ${message}`, field);
}
