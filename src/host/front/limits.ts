// Control `rate-limits`, `runtime`: every bound of the front in one place. An attacker wants one connection, one header
// or one slow byte to cost the others their service, so nothing that comes from outside is without a number here.
// Times are milliseconds, sizes are bytes. They are an argument everywhere so that tests need not wait.
import { maxGateRequestBytes } from "../../controls/wire/gate.ts";

export interface FrontLimits {
  /** Request line and headers together. */
  readonly headerBytes: number;
  readonly headerCount: number;
  readonly targetBytes: number;
  readonly bodyBytes: number;
  /** A connection whose headers are not complete after this is cut. */
  readonly headersMs: number;
  /** The same for the whole request, body included. */
  readonly requestMs: number;
  /** How long a client's connection may wait for its next request. */
  readonly keepAliveMs: number;
  /** How long a client may leave an answer unread, and how long a gate may leave a request unread. */
  readonly stallMs: number;
  /** Silence of a gate; above the 30 s a caller may ask it to wait. */
  readonly answerMs: number;
  /** How long connecting to a gate is tried again. */
  readonly connectMs: number;
  /** The same while a release gives way to the next one, as the supervisor says. */
  readonly switchMs: number;
  /** How long a connection to a gate is kept for the next request; under the 5 s after which workerd closes it itself. */
  readonly gateIdleMs: number;
  /** After a refusal, how long an unread body is thrown away so that the client can read the answer. */
  readonly lingerMs: number;
  /** After SIGTERM, how long requests under way may take. */
  readonly drainMs: number;
  readonly sockets: number;
  /** A tunnel or proxy before the front is one address for everybody behind it. */
  readonly socketsPerClient: number;
  /** Requests of one deployment under way: one that hangs must leave connections to the others. */
  readonly requestsPerGate: number;
  /** The same of webhooks, beside those: they come without a token, and strangers would hold every other place. */
  readonly webhooksPerGate: number;
}

export const frontLimits: FrontLimits = {
  headerBytes: 16_384,
  headerCount: 100,
  targetBytes: 2048,
  bodyBytes: maxGateRequestBytes,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 10_000,
  stallMs: 30_000,
  answerMs: 75_000,
  connectMs: 2_000,
  switchMs: 10_000,
  gateIdleMs: 2_000,
  lingerMs: 1_000,
  drainMs: 10_000,
  sockets: 2_000,
  socketsPerClient: 1_000,
  requestsPerGate: 200,
  webhooksPerGate: 50,
};
