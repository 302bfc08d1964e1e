// Control `callbacks`: from a checked destination to a connected socket. An attacker's name server answers once with a
// public address and then with a private one; a proxy variable or a wrong agent would carry the request elsewhere. Must
// stay true: fresh DNS for every connection, every answer checked, only checked addresses dialled, and the peer's address
// compared again before the first byte. Names stay in SNI and in the certificate check.
import { lookup } from "node:dns/promises";
import { connect as connectTcp, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { addressKey, decideAddress, parseAddress } from "../../controls/egress/address.ts";
import type { Destination } from "../../controls/egress/destination.ts";
import { decideAnswers, hostPort } from "../../controls/egress/url.ts";

/** Addresses of a name, as text. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Nothing was sent when `ok` is false. */
export type Dialled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly word: "refused" | "unreachable"; readonly reason: string; readonly message: string };

/** DNS, TCP and TLS together, milliseconds. */
const connectMs = 5000;

const asked = new Map<string, Promise<readonly string[]>>();

/**
 * The machine's own resolver, `/etc/hosts` included. Nothing is remembered; requests that come while a name is being asked
 * for share that answer, because four slow names would otherwise stop all others (getaddrinfo has four threads).
 */
export const systemResolve: Resolve = (host) => {
  const known = asked.get(host);
  if (known !== undefined) return known;
  const answers = lookup(host, { all: true })
    .then((found) => found.map(({ address }) => address))
    .finally(() => asked.delete(host));
  asked.set(host, answers);
  return answers;
};

/** Resolves, checks and connects. Never throws. */
export async function dial(target: Destination, resolve: Resolve): Promise<Dialled<Socket>> {
  const timeout = Promise.withResolvers<"timeout">();
  const timer = setTimeout(() => timeout.resolve("timeout"), connectMs);
  let socket: Socket | null = null;
  try {
    const found = await Promise.race([findAddresses(target, resolve), timeout.promise]);
    if (found === "timeout") return unreachable(target, "dns_timeout", `no answer for the name within ${connectMs} ms`);
    if (!found.ok) return found;
    socket = openTcp(target, found.value);
    const opened = await Promise.race([finishSocket(target, socket, found.value), timeout.promise]);
    if (opened !== "timeout" && opened.ok) return opened;
    socket.destroy();
    return opened === "timeout"
      ? unreachable(target, "connect_timeout", `no connection within ${connectMs} ms`)
      : opened;
  } finally {
    clearTimeout(timer);
  }
}

async function findAddresses(target: Destination, resolve: Resolve): Promise<Dialled<readonly string[]>> {
  if (target.isAddress) {
    const verdict = target.isListed ? null : decideAddress(target.host, "send");
    return verdict?.verdict === "refuse" ? refuseAddress(verdict.refusal) : { ok: true, value: [target.host] };
  }
  let answers: readonly string[];
  try {
    answers = await resolve(target.host);
  } catch (error) {
    return unreachable(target, "dns.no-answer", `the name does not resolve (${codeOf(error)})`);
  }
  const verdict = decideAnswers(target, answers, "send");
  if (verdict.verdict === "allow") return { ok: true, value: answers };
  return verdict.refusal.reason === "dns.no-answer"
    ? unreachable(target, "dns.no-answer", "the name has no address")
    : refuseAddress(verdict.refusal);
}

function openTcp(target: Destination, addresses: readonly string[]): Socket {
  const answers = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  // Node skips this for addresses; those were checked as such and are compared again once connected.
  const checkedLookup: LookupFunction = (_host, options, callback) => {
    if (options.all === true) return callback(null, answers);
    const [first] = answers;
    callback(null, first?.address ?? "", first?.family ?? 4);
  };
  return connectTcp({
    host: target.host,
    port: target.port,
    lookup: checkedLookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 1000,
    noDelay: true,
  });
}

async function finishSocket(
  target: Destination,
  socket: Socket,
  addresses: readonly string[],
): Promise<Dialled<Socket>> {
  try {
    await eventOf(socket, "connect");
    const peer = parseAddress(socket.remoteAddress ?? "");
    const isChecked = peer !== null && addresses.some((address) => isSame(peer, address));
    if (!isChecked) {
      return {
        ok: false,
        word: "refused",
        reason: "address.changed",
        message: `connected to ${socket.remoteAddress ?? "nobody"}, which is not an address that was checked`,
      };
    }
    return { ok: true, value: target.isTls ? await openTls(target, socket) : socket };
  } catch (error) {
    return unreachable(
      target,
      target.isTls && !socket.connecting && socket.remoteAddress !== undefined ? "tls_failed" : "connect_failed",
      codeOf(error),
    );
  }
}

async function openTls(target: Destination, socket: Socket): Promise<Socket> {
  // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
  const options = {
    socket,
    host: target.host,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2" as const,
    ALPNProtocols: ["http/1.1"],
  };
  // RFC 6066 section 3: SNI carries no addresses.
  const secure = connectTls(target.isAddress ? options : { ...options, servername: target.host });
  await eventOf(secure, "secureConnect");
  return secure;
}

/** Resolves on the event, rejects on an error or a close before it. */
function eventOf(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      socket.off("error", onError).off("close", onClose).off(event, onEvent);
      // Whoever takes the socket over installs its own; until then an error must not end the process.
      socket.on("error", ignore);
      settle();
    };
    const onEvent = (): void => done(resolve);
    const onError = (error: Error): void => done(() => reject(error));
    const onClose = (): void => done(() => reject(new Error("closed")));
    socket.on("error", onError).on("close", onClose).on(event, onEvent);
  });
}

function ignore(): void {}

function isSame(peer: Uint8Array, address: string): boolean {
  const bytes = parseAddress(address);
  return bytes !== null && addressKey(bytes) === addressKey(peer);
}

function unreachable(target: Destination, reason: string, why: string): Dialled<never> {
  return {
    ok: false,
    word: "unreachable",
    reason,
    message: `${hostPort(target.host, target.port)}: ${why}; nothing was sent`,
  };
}

function refuseAddress(refusal: { readonly reason: string; readonly message: string }): Dialled<never> {
  return { ok: false, word: "refused", reason: "private_address", message: `${refusal.reason}: ${refusal.message}` };
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
