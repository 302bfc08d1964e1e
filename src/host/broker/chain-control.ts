// Control `audit`: what the supervisor asks of the broker for the audit: pages of the broker's own chain, signatures over
// heads of the chains that admin, front and broker keep, and the seal of an export. The head of a gate's chain is signed
// through that gate's own door and nowhere else. Must stay true: the same rule for all, only extensions are signed.
import type { IncomingMessage } from "node:http";
import { chainId, type Writer } from "../../controls/audit/chain.ts";
import { namePattern } from "../../controls/manifest/shapes.ts";
import { sealRequest } from "../../controls/wire/audit.ts";
import { signRequest } from "../../controls/wire/door.ts";
import type { ChainTable } from "../chain-table.ts";
import type { RefusalTally } from "../refusal-tally.ts";
import { jsonAnswer, problem, problemAnswer, type Answer } from "./answer.ts";
import { readJson } from "./body.ts";
import type { Signed, Signer } from "./sign.ts";

/** 2000 digests and their quotes. */
const maxSignBytes = 262_144;
const maxSealBytes = 4096;
/** Entries of the own chain that are signed in one step. */
const ownBatch = 1000;

export interface Chains {
  readonly chain: ChainTable;
  readonly tally: RefusalTally;
  readonly signer: Signer;
}

/** Answers `/chains...` of the control socket, or null when the path is none of these. */
export async function answerChains(chains: Chains, request: IncomingMessage, url: URL): Promise<Answer | null> {
  const [first, name = "", verb = "", writer = "", ...more] = url.pathname.split("/").slice(1);
  if (first !== "chains" || more.length > 0) return null;
  const use = `${request.method} ${verb}${writer === "" ? "" : `/${writer}`}`;
  if (name === "" && use === "GET ")
    return jsonAnswer(200, {
      lengths: chains.chain.lengths(),
      key: chains.signer.key,
      gates: chains.signer.gates(),
      disputed: chains.signer.disputed(),
    });
  if (!namePattern.test(name)) return null;
  if (use === "GET ") return readPage(chains, name, url);
  if (use === "POST sign/admin" || use === "POST sign/front")
    return signOther(chains, request, name, writer === "admin" ? "admin" : "front");
  if (use === "POST sign/broker") return signOwn(chains, name);
  if (use === "POST seal") return seal(chains, request, name);
  return null;
}

function readPage({ chain }: Chains, name: string, url: URL): Answer {
  const after = Number(url.searchParams.get("after") ?? "0");
  if (!Number.isSafeInteger(after) || after < 0)
    return { ...problemAnswer(problem("refused", "bad_request", "after: a sequence number")), status: 400 };
  return jsonAnswer(200, chain.page(name, after));
}

async function signOther(
  chains: Chains,
  request: IncomingMessage,
  name: string,
  writer: "admin" | "front",
): Promise<Answer> {
  const body = await readJson(request, signRequest, maxSignBytes);
  if (!body.ok) return { ...problemAnswer(body.problem), status: 400 };
  return answerSigned(chains, name, writer, chains.signer.sign(chainId(name, writer), body.value));
}

/** The own chain is read from disk and computed again, so that one that was edited there is not signed on. */
function signOwn(chains: Chains, name: string): Answer {
  const { chain, signer } = chains;
  const id = chainId(name, "broker");
  for (;;) {
    const last = signer.standing(id);
    const steps = chain.digests(name, last.sequence, ownBatch);
    const standing = steps.at(-1)?.standing ?? last;
    if (standing.sequence === 0)
      return { ...problemAnswer(problem("refused", "no_entries", "this chain has no entry yet")), status: 404 };
    const signed = signer.sign(id, { ...standing, digests: steps.map(({ digest }) => digest) });
    if (!signed.isSigned || steps.length < ownBatch) return answerSigned(chains, name, "broker", signed);
  }
}

function answerSigned({ tally }: Chains, name: string, writer: Writer, signed: Signed): Answer {
  if (signed.isSigned) return jsonAnswer(200, { ...signed.answer });
  tally.note(name, "sign_refused", { chain: writer, signed: signed.conflict.sequence });
  return jsonAnswer(409, { ...signed.conflict });
}

async function seal({ signer }: Chains, request: IncomingMessage, name: string): Promise<Answer> {
  const body = await readJson(request, sealRequest, maxSealBytes);
  if (!body.ok) return { ...problemAnswer(body.problem), status: 400 };
  return jsonAnswer(200, { ...signer.seal(name, body.value) });
}
