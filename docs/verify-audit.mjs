// Verifies a file made by `./ambit audit export`, with Node's own crypto and nothing of Ambit: node verify-audit.mjs FILE [KEY]
// KEY is the broker's public key in base64, from a place that whoever kept the file could not reach. docs/audit.md has the steps.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

function need(isGood, what) {
  if (!isGood) throw new Error(what);
}

/** RFC 8785: members sorted by UTF-16 code units, no spaces, numbers and strings as JSON.stringify writes them. */
function canonical(value) {
  need(typeof value !== "string" || value.isWellFormed(), "half a surrogate pair");
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${canonical(key)}:${canonical(value[key])}`).join(",")}}`;
}

function isSigned(key, text, signature) {
  const [raw, bytes] = [Buffer.from(key, "base64"), Buffer.from(signature, "base64")];
  if (raw.length !== 32 || raw.toString("base64") !== key || bytes.toString("base64") !== signature) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  return verify(null, Buffer.from(text), createPublicKey({ format: "jwk", key: jwk }), bytes);
}

// The forms of the four kinds of lines; in the canonical form members have one order.
const [hash, number, quoted] = ['"[0-9a-f]{64}"', "(?:0|[1-9]\\d{0,14})", '"(?:[^"\\\\]|\\\\.)*"'];
const standing = `{"head":${hash},"sequence":${number}}`;
const four = `{"admin":${standing},"broker":${standing},"front":${standing},"gate":${standing}}`;
const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{3})?Z";
const made = `"deployment":"[a-z][a-z0-9-]{0,38}[a-z0-9]","exported":"${time}"`;
const what = `"at":${quoted}(,"callId":${quoted})?,"detail":{.*},"event":${quoted}`;
const entry = `{${what},"seq":${number}(,"thread":${quoted})?(,"turn":-?${number})?,"v":1}`;
const named = '"chain":"(admin|broker|front|gate)"';
const form = [
  `{"chains":${four},${made},"key":${quoted},"kind":"header","line":${number},"v":1}`,
  `{${named},"entry":${entry},"head":${hash},"kind":"entry","line":${number}}`,
  `{${named},"head":${hash},"key":${quoted},"kind":"checkpoint","line":${number},"sequence":${number},"signature":${quoted}}`,
  `{"chains":${four},${made},"hash":${hash},"key":${quoted},"kind":"seal","line":${number},"signature":${quoted},"v":1,"witness":${four}}`,
].join("|");
const lineForm = new RegExp(`^(?:${form})$`, "s");

/** What a good file is, in a line; throws what is wrong with any other. */
export function verifyExport(bytes, knownKey) {
  const lines = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).split("\n");
  need(lines.pop() === "" && lines.length > 1, "the file does not end with a whole line");
  const values = lines.map((line, at) => {
    const value = JSON.parse(line);
    need(canonical(value) === line, `line ${at + 1} is not in canonical form`);
    need(value.line === at + 1, `line ${at + 1} says that it is line ${value.line}`);
    need(lineForm.test(line), `line ${at + 1} is in none of the four forms`);
    return value;
  });
  const [header, seal] = [values[0], values.at(-1)];
  need(header.kind === "header" && seal.kind === "seal", "no header or no seal");
  const { deployment, exported, key } = header;
  need(knownKey === undefined || key === knownKey, "sealed with another key");
  for (const name of ["deployment", "exported", "key"])
    need(seal[name] === header[name], `the seal has another ${name}`);
  const chains = Object.entries(header.chains).map(([writer, start]) => {
    const genesis = sha256(`ambit-genesis-v1\n${deployment}/${writer}`);
    need(start.sequence > 0 || start.head === genesis, `${writer} does not begin as this deployment's chain does`);
    return [writer, { ...start, signed: start.sequence, heads: new Map([[start.sequence, start.head]]) }];
  });
  const chainOf = new Map(chains);
  for (const { kind, line, chain: writer, ...of } of values.slice(1, -1)) {
    const chain = chainOf.get(writer);
    need(chain !== undefined, `line ${line} is of no chain`);
    if (kind === "entry") {
      need(of.entry.seq === chain.sequence + 1, `line ${line}: ${of.entry.seq} follows ${writer} ${chain.sequence}`);
      const digest = sha256(`ambit-entry-v1\n${canonical(of.entry)}`);
      chain.head = sha256(`ambit-chain-v1\n${chain.head}\n${digest}`);
      chain.sequence += 1;
      chain.heads.set(chain.sequence, chain.head);
      need(of.head === chain.head, `line ${line}: ${writer} entry ${chain.sequence} does not give this head`);
    } else {
      const isThere = of.sequence === chain.sequence && of.head === chain.head && of.key === key;
      need(kind === "checkpoint" && isThere, `line ${line} is not over the entry before it`);
      const text = `ambit-head-v1\n${deployment}/${writer}\n${of.sequence}\n${of.head}`;
      need(isSigned(key, text, of.signature), `line ${line}: bad signature`);
      chain.signed = of.sequence;
    }
  }
  for (const [writer, chain] of chainOf) {
    const [end, witness] = [seal.chains[writer], seal.witness[writer]];
    need(end.sequence === chain.sequence && end.head === chain.head, `${writer} does not end where it was sealed`);
    need(witness.sequence <= chain.sequence, `${writer} was cut: the broker signed entry ${witness.sequence}`);
    need(witness.sequence >= chain.signed, `${writer}: the broker remembers only entry ${witness.sequence}`);
    need(chain.heads.get(witness.sequence) === witness.head, `${writer} was rewritten`);
  }
  const { signature, ...rest } = seal;
  need(seal.hash === sha256(bytes.subarray(0, bytes.lastIndexOf(10, -2) + 1)), "a line is not the one that was sealed");
  need(isSigned(key, `ambit-seal-v1\n${canonical(rest)}`, signature), "the seal is not signed");
  return `${deployment}, ${exported}: whole, sealed with ${key}`;
}

if (realpathSync(process.argv[1] ?? ".") === fileURLToPath(import.meta.url)) {
  // Nothing that the file says may steer a terminal.
  const say = (words) => console.log(words.replace(/[^ -~]/g, "?"));
  try {
    say(verifyExport(readFileSync(process.argv[2] ?? ""), process.argv[3]));
  } catch (error) {
    say(`not whole: ${error.message}`);
    process.exitCode = 1;
  }
}
