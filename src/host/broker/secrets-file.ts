// Control `secrets`: the one place where credentials are kept and opened. First form: a 0600 file in the broker's own
// folder; sealing under a key of each deployment comes with the vault. Everybody wants these values; nobody but the line
// that writes an outgoing header gets one. Must stay true: a value is never part of an error, a log line or an answer,
// and a file that others could read is refused, not used.
import { z } from "zod";
import { mark } from "../../controls/logs/strip.ts";
import { maxSecretLength, namePattern, secretNamePattern } from "../../controls/manifest/shapes.ts";
import { PrivateFileError, readPrivateFile, writePrivateFile } from "./private-file.ts";

/** Visible ASCII with inner spaces: what a header can carry (RFC 9110 section 5.5). */
const valuePattern = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const leastHidden = 6;
const maxFileBytes = 16 * 1024 * 1024;

const fileSchema = z.strictObject({
  v: z.literal(1),
  deployments: z.record(
    z.string().regex(namePattern),
    z.record(z.string().regex(secretNamePattern), z.string().max(maxSecretLength).regex(valuePattern)),
  ),
});
type Content = z.infer<typeof fileSchema>;

export class SecretsFile {
  readonly #path: string;
  #content: Content;

  /** @throws {PrivateFileError} when the file is there and not as it must be */
  constructor(path: string) {
    this.#path = path;
    this.#content = load(path);
  }

  /** The value, for the one header that is being written; null when it was never set. */
  open(deployment: string, secret: string): string | null {
    return own(own(this.#content.deployments, deployment) ?? {}, secret);
  }

  /** A text without any of the values in it; one of fewer than `leastHidden` characters stands in too many words. */
  hide(text: string): string {
    const values = Object.values(this.#content.deployments).flatMap((secrets) => Object.values(secrets));
    const found = values.filter((value) => value.length >= leastHidden && text.includes(value));
    return found.toSorted((a, b) => b.length - a.length).reduce((left, value) => left.replaceAll(value, mark), text);
  }

  /** Removes all values of a deployment. */
  forget(deployment: string): void {
    const { deployments } = load(this.#path);
    if (!Object.hasOwn(deployments, deployment)) return;
    const { [deployment]: _gone, ...others } = deployments;
    this.#content = { v: 1, deployments: others };
    writePrivateFile(this.#path, `${JSON.stringify(this.#content)}\n`);
  }

  /**
   * Sets one value. What was changed in the file by hand since is kept.
   * @returns why it was not set, or null
   */
  set(deployment: string, secret: string, value: string): string | null {
    if (!namePattern.test(deployment) || !secretNamePattern.test(secret))
      return "not the name of a deployment and of a secret";
    if (value.length > maxSecretLength || !valuePattern.test(value)) {
      return `secret ${secret}: the value must be 1 to ${maxSecretLength} visible ASCII characters on one line, because it becomes an HTTP header`;
    }
    const { deployments } = load(this.#path);
    const changed: Content = {
      v: 1,
      deployments: { ...deployments, [deployment]: { ...own(deployments, deployment), [secret]: value } },
    };
    const text = `${JSON.stringify(changed)}\n`;
    // Values are ASCII: one character is one byte. A larger file would not be read again, and no broker would start.
    if (text.length > maxFileBytes)
      return `secret ${secret}: all secrets together may take ${maxFileBytes} bytes; use shorter ones`;
    writePrivateFile(this.#path, text);
    this.#content = changed;
    return null;
  }
}

function load(path: string): Content {
  const text = readPrivateFile(path, maxFileBytes);
  if (text === null) return { v: 1, deployments: {} };
  const parsed = fileSchema.safeParse(parseJson(path, text));
  // The issues of the parse are left out: they could quote a value.
  if (!parsed.success)
    throw new PrivateFileError(`${path}: not of the form {"v":1,"deployments":{NAME:{SECRET:VALUE}}}`);
  return parsed.data;
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the parser's message: it quotes the text around the fault.
    throw new PrivateFileError(`${path}: not JSON; restore it from a backup or set the secrets again`);
  }
}

function own<T>(object: Record<string, T>, key: string): T | null {
  return Object.hasOwn(object, key) ? (object[key] ?? null) : null;
}
