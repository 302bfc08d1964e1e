// `./ambit demo`: one day at the payables desk, from the first message to the last line in the files that the agents work on,
// then it stays up to be tried. `--once` ends instead; `--json` prints one object a scene and nothing else. However it ends,
// nothing is left running: what it started is ended in order, and a kill of this process is one of everything.
import { CommandError, readLine, type Line } from "./arguments.ts";
import { askVerdict, thinkMs } from "./demo-ask.ts";
import { Ending } from "./demo-ending.ts";
import { invite } from "./demo-invite.ts";
import { openPage, type Page } from "./demo-page.ts";
import type { SceneResult } from "./demo-scene.ts";
import { sceneGroups } from "./demo-scenes.ts";
import { setStage, type DemoStage, type RealModel } from "./demo-stage.ts";
import { claimDemoState, usualDemoState } from "./demo-state.ts";
import { playScene, resultOf, tellStory } from "./demo-story.ts";
import { findFreeAddress } from "./free-port.ts";

const usage =
  "demo [--auto] [--once] [--json] [--listen HOST:PORT] [--state DIR] [--base-url URL --model NAME]   (key in AMBIT_MODEL_KEY)";

export async function runDemo(args: string[]): Promise<number> {
  const flags = { auto: "switch", once: "switch", listen: "text", "base-url": "text", model: "text" } as const;
  const line = readLine(args, usage, flags, [0, 0]);
  const model = realModel(line);
  const ending = new Ending();
  try {
    const code = await runOn(line, model, ending);
    if (!ending.signal.aborted) return code;
  } catch (thrown) {
    if (!ending.signal.aborted) throw plainly(thrown);
  }
  // Something may still wait for an answer that will not come.
  process.exit(ending.code);
}

async function runOn(line: Line, model: RealModel | undefined, ending: Ending): Promise<number> {
  const own = line.text("state");
  const state = own ?? usualDemoState();
  const claim = own === undefined ? claimDemoState(state) : undefined;
  const json = line.has("json");
  const page = openPage(process.stdout, () => json || ending.signal.aborted);
  const verbose = process.env["AMBIT_VERBOSE"] === "1";
  const log = (text: string) => void (verbose && process.stderr.write(text));
  introduce(page, model);
  const listen = line.text("listen") ?? (await findFreeAddress());
  const stage = await setStage({ state, listen, model, log, signal: ending.signal });
  try {
    const work = json ? playAll(stage, ending) : tellAll(line, stage, state, page, ending);
    const results = await ending.orEnd(work);
    if (results === undefined) return ending.code;
    const code = results.every(({ ok }) => ok) ? 0 : 1;
    if (line.has("once") || json) return code;
    invite(page, stage, state);
    const gone = new Promise<"gone">((resolve) => stage.host.child.once("exit", () => resolve("gone")));
    if ((await ending.orEnd(gone)) === "gone") throw new CommandError("Ambit ended; start the demo again");
    return ending.code;
  } finally {
    await stage.stop();
    claim?.release();
  }
}

function introduce(page: Page, model: RealModel | undefined): void {
  page.say("One day at a payables desk", "bold");
  page.say(
    "An agent reads mails of suppliers and pays their invoices. Ambit stands between it and the ERP: it checks every call, and a person decides about the dangerous ones.",
  );
  page.say(
    model
      ? `Model: ${model.name} at ${model.baseUrl}.`
      : "Its model is a script that obeys whatever it reads, in any text: the worst that a model can do.",
  );
  page.say("Starting an ERP, a model and Ambit on this machine ...", "dim");
}

async function tellAll(
  line: Line,
  stage: DemoStage,
  state: string,
  page: Page,
  { signal }: Ending,
): Promise<SceneResult[]> {
  await requireModel(stage, page);
  const hasTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const isAuto = line.has("auto") || !hasTerminal;
  const ask = async () => (isAuto ? undefined : askVerdict({ page, input: process.stdin, signal, limitMs: thinkMs }));
  const alone = line.has("auto")
    ? "(--auto: decided for you.)"
    : hasTerminal
      ? "(No answer: decided for you.)"
      : "(No terminal to ask on: decided for you.)";
  const results = await tellStory({ page, stage, state, ask, alone });
  const failed = results.filter(({ ok }) => !ok).length;
  page.say();
  page.say(`${results.length - failed} of ${results.length} scenes went as they must.`, failed > 0 ? "red" : "green");
  return results;
}

async function playAll(stage: DemoStage, { signal }: Ending): Promise<SceneResult[]> {
  await requireModel(stage, undefined);
  const results: SceneResult[] = [];
  const all = sceneGroups.flatMap(({ scenes }) => scenes);
  for (const scene of all.filter(({ anyModel }) => stage.obeys || anyModel)) {
    const result = resultOf(scene, await playScene(scene, stage));
    if (signal.aborted) break;
    results.push(result);
    console.log(JSON.stringify(result));
  }
  return results;
}

/** A real model is asked once before the story: a wrong key would fail every scene of it. */
async function requireModel(stage: DemoStage, page: Page | undefined): Promise<void> {
  if (stage.obeys) return;
  const asked = stage.client.say("Say hello in one word.");
  const { state, reply } = await (page ? page.during("asking the model", asked) : asked);
  if (state !== "failed") return;
  throw new CommandError(`the model does not work: ${reply} Check AMBIT_MODEL_KEY, --base-url and --model`);
}

/** What this machine refuses is one line. */
function plainly(thrown: unknown): unknown {
  const { code, path } = thrown as NodeJS.ErrnoException;
  const words = {
    ENOSPC: "the disk is full",
    EACCES: "not allowed",
    EPERM: "not allowed",
    EROFS: "it cannot be written",
  };
  const why = words[code as keyof typeof words];
  const isFull =
    thrown instanceof Error && /disk is full|readonly database|unable to open database/.test(thrown.message);
  if (why === undefined && !isFull) return thrown;
  const where = path === undefined ? "" : ` in ${path}`;
  return new CommandError(
    `the demo cannot write${where} (${why ?? (thrown as Error).message}): make room, or choose another folder with --state DIR or TMPDIR`,
  );
}

function realModel(line: Line): RealModel | undefined {
  const [baseUrl, name, key] = [line.text("base-url"), line.text("model"), process.env["AMBIT_MODEL_KEY"]];
  if (baseUrl === undefined && name === undefined) return undefined;
  if (baseUrl === undefined || name === undefined) throw new CommandError("--base-url and --model go together");
  if (!URL.canParse(baseUrl))
    throw new CommandError(`--base-url: ${baseUrl} is not a URL, such as https://api.openai.com/v1`);
  if (!key) throw new CommandError("no key: put it in AMBIT_MODEL_KEY (any text for a server that asks for none)");
  return { baseUrl, name, key };
}
