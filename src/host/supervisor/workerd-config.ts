// Control `runtime`: the configuration of one gate, generated and never edited. An operator's text must not become
// configuration: the release and the tokens are embedded as files, and the only value that stands in the text itself is
// the deployment's name, quoted. The worker's one way out is its door; the implicit open network is replaced by a void.

/** Paths inside the sandbox; the files under `/gate` are embedded by name and must stand together. */
export const inside = {
  workerd: "/gate/workerd",
  program: "/gate/gate.js",
  cedar: "/gate/cedar.wasm",
  config: "/gate/gate.capnp",
  release: "/gate/release.json",
  tokens: "/gate/tokens.json",
  data: "/data",
  door: "/run/door",
} as const;

/** First date on which `nodejs_compat` is the default; never later than the date in workerd's own version. */
export const compatibilityDate = "2026-08-04";

/** What an isolate gets on the hosted platform too. Buffers come on top; the cgroup bounds the whole. */
const heapMegabytes = 128;

/** One row of the gate's `TOKENS` binding. */
export interface TokenRow {
  readonly digest: string;
  readonly scope: "chat" | "control";
  readonly id: string;
}

/** A text literal of the configuration language, which knows `\xHH` and not JSON's `\uHHHH`. */
export function quote(text: string): string {
  const escape = (char: string): string => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  // oxlint-disable-next-line no-control-regex -- control characters are what must not pass
  return `"${text.replace(/["\\\x00-\x1f\x7f]/g, escape)}"`;
}

/**
 * Configuration text of one gate. Object ids derive from the unique keys: losing the name would orphan all data. Only a gate
 * `withCedar` has the wasm in it, which takes memory.
 */
export function buildGateConfig(name: string, withCedar: boolean): string {
  const cedar = withCedar ? `, (name = "cedar.wasm", wasm = embed "cedar.wasm")` : "";
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = ["--max-old-space-size=${heapMegabytes}"],
  services = [
    (name = "gate", worker = (
      modules = [(name = "gate.js", esModule = embed "gate.js")${cedar}],
      compatibilityDate = ${quote(compatibilityDate)},
      compatibilityFlags = ["nodejs_compat_do_not_populate_process_env"],
      bindings = [
        (name = "RELEASE", text = embed "release.json"),
        (name = "TOKENS", text = embed "tokens.json"),
        (name = "THREAD", durableObjectNamespace = "Thread"),
        (name = "LEDGER", durableObjectNamespace = "Ledger")],
      globalOutbound = "door",
      durableObjectNamespaces = [
        (className = "Thread", uniqueKey = ${quote(`${name}-Thread`)}, enableSql = true),
        (className = "Ledger", uniqueKey = ${quote(`${name}-Ledger`)}, enableSql = true)],
      durableObjectStorage = (localDisk = "data"))),
    (name = "data", disk = (path = ${quote(inside.data)}, writable = true)),
    (name = "internet", network = (allow = [])),
    (name = "door", external = (address = ${quote(`unix:${inside.door}/door.sock`)}, http = (style = proxy)))],
  sockets = [(name = "in", http = (), service = "gate")]);
`;
}
