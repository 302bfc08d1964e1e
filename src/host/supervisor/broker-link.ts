// Control `secrets`, `runtime`: what the supervisor says to the broker: which deployments exist and, passing through, a
// secret's value. The value is a buffer that is handed on and never logged, kept or parsed.
import { brokerDeployment } from "../../controls/wire/control.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { ask, type Answer } from "./probe.ts";
import { describeAnswer } from "./problem.ts";

const timeoutMs = 30_000;
const maxBytes = 65_536;

export class BrokerLink {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Resolves once the deployment's door is open, frozen from its first moment or as it was. Rejects with the broker's words. */
  async open(name: string, release: Release, frozen: boolean): Promise<void> {
    const body = JSON.stringify(brokerDeployment.parse({ release, frozen }));
    await this.#expect(
      `the broker refused ${name}`,
      await this.#ask("PUT", `/deployments/${name}`, body, "application/json"),
    );
  }

  /** Ends a deployment that never came to be: as `forget`, but for its secrets. One that is not there is fine. */
  async close(name: string): Promise<void> {
    await this.#expect(`the broker kept ${name}`, await this.#ask("DELETE", `/deployments/${name}`));
  }

  /** Ends the life of a deployment: door, secrets and outcomes go, its gate's chain ends. Done twice is done once. */
  async forget(name: string): Promise<void> {
    await this.#expect(`the broker kept ${name}`, await this.#ask("POST", `/deployments/${name}/forget`));
  }

  /** Resolves once nothing of the deployment leaves any more, or may leave again. */
  async setFrozen(name: string, frozen: boolean, waitMs: number): Promise<void> {
    const answer = await this.#ask(
      frozen ? "PUT" : "DELETE",
      `/deployments/${name}/frozen`,
      undefined,
      undefined,
      waitMs,
    );
    await this.#expect(`the broker did not ${frozen ? "freeze" : "thaw"} ${name}`, answer);
  }

  /** Hands a secret on; returns the broker's answer. */
  putSecret(name: string, secret: string, value: Uint8Array): Promise<Answer> {
    return this.#ask("PUT", `/deployments/${name}/secrets/${secret}`, value, "application/octet-stream");
  }

  async #ask(
    method: string,
    path: string,
    body?: string | Uint8Array,
    type?: string,
    waitMs = timeoutMs,
  ): Promise<Answer> {
    const headers: Record<string, string> = { host: "broker" };
    if (type !== undefined) headers["content-type"] = type;
    if (body !== undefined) headers["content-length"] = String(Buffer.byteLength(body));
    const what = { method, path, headers, timeoutMs: waitMs, maxBytes, ...(body === undefined ? {} : { body }) };
    try {
      return await ask({ socketPath: this.#socketPath }, what);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`the broker did not answer (${why}): it may be starting again, try once more`, { cause: error });
    }
  }

  async #expect(what: string, answer: Answer): Promise<void> {
    if (answer.status < 200 || answer.status > 299) throw new Error(`${what}: ${describeAnswer(answer)}`);
  }
}
