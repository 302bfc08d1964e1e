// Runs the blocks of the documentation as a reader would type them: one shell, one folder that looks like a clone, one host.
// Where a page shows what was answered, that is compared. What must stay true: a page whose command fails is named with the
// block and what it said; the ports that pages name are replaced by free ones in one place, so that nothing collides.
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { findUnsaid, type Block } from "./blocks.ts";

export interface Page {
  readonly name: string;
  readonly blocks: readonly Block[];
}

/** Port as documented -> port here. */
export type Ports = ReadonlyMap<number, number>;

/** At the end of the first page, whose jobs are groups of their own. */
const endJobs = "trap 'kill -- $(jobs -p | sed s/^/-/) 2>/dev/null' EXIT";
/** At the end of each other, which is a group of its own with all that it started. */
const endGroup = `trap 'trap "" TERM; kill 0' EXIT`;

/** A folder like a clone, whose `./ambit` works on `state`. */
export function layOut(root: string, folder: string, state: string, ports: Ports): void {
  for (const name of ["src", "docs", "claims", "node_modules", "package.json"])
    symlinkSync(join(root, name), join(folder, name));
  cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.startsWith("examples/") || !file.endsWith(".yaml")) continue;
    writeFileSync(join(folder, file), swap(readFileSync(join(folder, file), "utf8"), ports));
  }
  const line = `exec '${process.execPath}' '${root}/src/cli/main.ts' "$@" --state '${state}'`;
  writeFileSync(join(folder, "ambit"), `#!/bin/sh\n${line}\n`);
  chmodSync(join(folder, "ambit"), 0o755);
}

/** Types everything; the first page is done in the shell that the others begin from. One sentence a page that failed. */
export async function runPages(
  folder: string,
  state: string,
  pages: readonly Page[],
  ports: Ports,
): Promise<Map<string, string>> {
  const out = join(folder, ".said");
  mkdirSync(out);
  const [first, ...rest] = pages.map((page, at) => scriptOf(page, at, out, ports));
  // Each job of this shell is a group of its own, so that a server that a page started ends with it.
  const script = ["set -em", endJobs, first ?? "", "set +e"];
  script.push(...rest.map((text) => `( set -e\n${endGroup}\n${text}\n)`));
  await bash(`${script.join("\n")}\n`, folder);
  const back = new Map([...ports].map(([documented, here]) => [here, documented]));
  const failed = new Map<string, string>();
  for (const [at, page] of pages.entries()) {
    const fault = faultOf(page, ({ line }) => {
      const said = readSaid(`${out}/${at}-${line}`);
      // The launcher of this folder names its state; that of a reader has a usual place.
      return said && { ...said, text: swap(said.text.replaceAll(` --state ${state}`, ""), back) };
    });
    if (fault !== undefined) failed.set(page.name, fault);
  }
  return failed;
}

function bash(script: string, folder: string): Promise<void> {
  const path = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const argv = ["--pdeathsig", "KILL", "--", "bash", "-c", script];
  // Sixty commands would compile the command line sixty times.
  const NODE_COMPILE_CACHE = join(folder, ".compiled");
  const env = { NODE_COMPILE_CACHE, PATH: path, HOME: folder, LANG: "C.UTF-8", USER: "amy", NO_COLOR: "1" };
  const child = spawn("setpriv", argv, { cwd: folder, env, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => resolve());
  });
}

function scriptOf(page: Page, at: number, out: string, ports: Ports): string {
  return page.blocks.map((block) => lineOf(block, `${out}/${at}-${block.line}`, ports)).join("\n");
}

function lineOf(block: Block, file: string, ports: Ports): string {
  const text = swap(block.text, ports);
  if (block.kind === "file") {
    const here = `mkdir -p "$(dirname ${block.note})"`;
    return `${here}; cat > ${block.note} <<'END_OF_FILE'\n${text}\nEND_OF_FILE`;
  }
  if (block.kind === "background")
    return `{ ${text}\n} > ${file} 2>&1 &\nfor i in $(seq 400); do grep -q '"ready":true' ${file} && break; sleep 0.05; done
grep -q '"ready":true' ${file}; touch ${file}.done`;
  if (block.kind !== "run") return "";
  if (block.exit === 0) return `{ ${text}\n} > ${file} 2>&1; touch ${file}.done`;
  const compare = `[ $code = ${block.exit} ] || { echo "(exit code $code)" >> ${file}; exit 1; }`;
  return `set +e; { ${text}\n} > ${file} 2>&1; code=$?; set -e; ${compare}; touch ${file}.done`;
}

interface Said {
  readonly isDone: boolean;
  readonly text: string;
}

function readSaid(file: string): Said | undefined {
  return existsSync(file) ? { isDone: existsSync(`${file}.done`), text: readFileSync(file, "utf8") } : undefined;
}

function faultOf(page: Page, read: (block: Block) => Said | undefined): string | undefined {
  let last = "";
  for (const block of page.blocks) {
    const place = `${page.name}:${block.line}`;
    if (block.kind === "run" || block.kind === "background") {
      const said = read(block);
      if (said === undefined) return `${place}: was not reached`;
      if (!said.isDone) return `${place}: failed: ${said.text}`;
      last = said.text;
    }
    const unsaid = block.kind === "output" ? findUnsaid(block.text, last) : undefined;
    if (unsaid !== undefined) return `${place}: the page shows "${unsaid}", but this was said:\n${last}`;
  }
  return undefined;
}

function swap(text: string, ports: Ports): string {
  return text.replace(/(?<!\d)\d{4,5}(?!\d)/g, (port) => String(ports.get(Number(port)) ?? port));
}
