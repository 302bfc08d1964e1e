// Controls `runtime`, `audit`: the supervisor's own way to the front: whether it is well, and what its chains hold. A socket
// that nobody else can open: on the public port anybody may hold all connections, and a front that was killed for that
// would take everybody's requests with it. It listens last, so that who is answered here knows that the port is open too.
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { namePattern } from "../../controls/manifest/shapes.ts";
import type { ChainTable } from "../chain-table.ts";
import type { Measures } from "./measures.ts";

/** Where the supervisor asks; the folder is made by the supervisor for the front alone. */
export function healthSocket(run: string): string {
  return join(run, "front", "health.sock");
}

/** Answers `GET /healthz`, `/measures`, `/chains` and `/chains/<deployment>?after=N`. Rejects with what to do when it cannot listen. */
export function serveHealth(path: string, chain: ChainTable, measures: Measures): Promise<void> {
  if (!existsSync(dirname(path))) {
    return Promise.reject(new Error(`${dirname(path)} is missing: the supervisor makes it for the front's user`));
  }
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    const { status, value } = tryAnswer(chain, measures, request.url ?? "");
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`${path}: cannot listen (${error.message})`)));
    server.listen(path, resolve);
  });
}

/** A disk that is full or broken ends no front: it serves requests all the same. */
function tryAnswer(
  chain: ChainTable,
  measures: Measures,
  target: string,
): { readonly status: number; readonly value: object | null } {
  try {
    const value = target === "/measures" ? measures.read() : answerOf(chain, target);
    return { status: value === null ? 404 : 200, value };
  } catch (error) {
    return { status: 503, value: { detail: `its chain cannot be read: ${(error as Error).message}` } };
  }
}

function answerOf(chain: ChainTable, target: string): object | null {
  const url = URL.parse(target, "http://front/");
  const [first, name = "", ...more] = url?.pathname.split("/").slice(1) ?? [];
  if (first === "healthz") return { status: "ok" };
  if (first !== "chains" || more.length > 0) return null;
  if (name === "") return { lengths: chain.lengths() };
  const after = Number(url?.searchParams.get("after") ?? "0");
  if (!namePattern.test(name) || !Number.isSafeInteger(after) || after < 0) return null;
  return chain.page(name, after);
}
