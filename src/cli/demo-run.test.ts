// The demo on a terminal of 40 columns, as somebody plays it who has just come: asked, answered, left up, its three commands
// pasted into a shell, and ended by Ctrl-C at three moments, after each of which nothing of it is left.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { freshState } from "../../claims/fresh-state.ts";
import { findPlaces } from "../host/supervisor/places.ts";
import { root } from "./child.ts";
import { widthOf } from "./demo-page.ts";
import { claimDemoState } from "./demo-state.ts";

const columns = 40;
/** Of all three, emptied between them like the usual one, which keeps the programs. */
const state = freshState();
const temporary = mkdtempSync(join(tmpdir(), "ambit-run-"));
chmodSync(temporary, 0o755);
const terminals: Terminal[] = [];
after(() => {
  // What a test that failed left up.
  for (const terminal of terminals) terminal.end();
  state.remove();
  rmSync(temporary, { recursive: true, force: true });
});

class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  said = "";

  constructor(folder: string) {
    const command = `stty cols ${columns} rows 50; ${root}ambit demo --state ${folder}`;
    const env = { ...process.env, TMPDIR: temporary, TERM: "xterm" };
    this.#child = spawn("script", ["-qefc", command, "/dev/null"], { env, cwd: temporary });
    this.#child.stdout.on("data", (chunk: Buffer) => void (this.said += chunk.toString("utf8")));
    terminals.push(this);
    this.ended = new Promise((resolve) => this.#child.once("exit", (code) => resolve(code)));
  }

  async until(words: string): Promise<void> {
    for (const limit = Date.now() + 120_000; !this.said.includes(words);) {
      assert.ok(Date.now() < limit && this.#child.exitCode === null, `no "${words}" in: ${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }
}

/** Ends it as a person would, and looks for whatever it could have left. */
async function interrupt(terminal: Terminal, folder: string): Promise<void> {
  terminal.type("\u0003");
  assert.equal(await terminal.ended, 130, terminal.said);
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const left = pids.map(commandOf).filter((command) => command.includes(folder) || command.includes(temporary));
  assert.deepEqual(left, []);
  assert.deepEqual(
    readdirSync(temporary).filter((name) => name.startsWith("ambit-demo-")),
    [],
  );
  const { run, control } = findPlaces(folder, process.getuid?.() ?? 0, process.env);
  assert.ok(!existsSync(control), control);
  assert.ok(!readFileSync("/proc/mounts", "utf8").includes(run));
  assert.doesNotMatch(terminal.said, /NOT|went as they must|Error/);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Runs what was printed below these words, as it was printed. */
function paste(said: string, about: string, more = ""): { status: number | null; out: string } {
  const plain = stripVTControlCharacters(said).replaceAll("\r", "");
  const [, below = ""] = plain.split(about);
  const command = below.slice(below.indexOf("\n  ")).trimStart().split("\n\n", 1)[0] ?? "";
  const args = ["-qec", command.trimEnd() + more, "/dev/null"];
  const done = spawnSync("script", args, { input: "", encoding: "utf8", cwd: temporary });
  return { status: done.status, out: done.stdout };
}

test("Ctrl-C while it starts and while it asks ends it with 130 and leaves nothing", async () => {
  for (const words of ["Starting", "You decide"]) {
    const terminal = new Terminal(state.folder);
    await terminal.until(words);
    await interrupt(terminal, state.folder);
    claimDemoState(state.folder).release();
  }
});

test("works at all: asked and answered on 40 columns it stays up, its commands run as printed, and Ctrl-C ends it", async () => {
  const terminal = new Terminal(state.folder);
  await terminal.until("You decide");
  terminal.type("yes\r");
  await terminal.until("whole word");
  terminal.type("approve\r");
  for (const limit = Date.now() + 60_000; terminal.said.split("You decide").length < 3 && Date.now() < limit;)
    await new Promise((resolve) => setTimeout(resolve, 20));
  terminal.type("deny\r");
  // Its last word: where the line is broken depends on how long the path of this tree is.
  await terminal.until("my-agent");
  const plain = stripVTControlCharacters(terminal.said.replaceAll("\r\u001b[2K", "\n")).replaceAll("\r", "");
  for (const line of plain.split("\n")) assert.ok(widthOf(line) <= columns, line);
  const words = plain.replaceAll(/\s+/g, " ");
  assert.match(words, />> \| To avoid a late/);
  // Who approves gets what was approved, once, and the other call is denied all the same.
  assert.match(words, /file says: paid: EUR 4,950\.00 to GB82WEST12345698765432; mailed: nothing\./);
  assert.match(words, /22 of 22 scenes went as they must/);
  const [chat, poison, init] = [
    paste(terminal.said, "Chat with"),
    paste(terminal.said, "Break it"),
    // For five times Enter.
    paste(terminal.said, "Deploy an", " --yes"),
  ];
  assert.equal(chat?.status, 0, chat?.out);
  assert.match(chat?.out ?? "", /open invoices/);
  assert.equal(poison?.status, 4, poison?.out);
  assert.match(poison?.out ?? "", /To decide it/);
  assert.equal(init?.status, 0, init?.out);
  assert.match(init?.out ?? "", /Written: my-agent\/agent\.yaml/);
  terminal.said = "";
  await interrupt(terminal, state.folder);
});
