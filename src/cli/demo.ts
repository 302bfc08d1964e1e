// `./ambit demo`: two desks, the payables clerk and the access desk, from the first message to the last line in the files
// that they work on, then it stays up to be tried. `--once` plays the scenes and ends; `--json` prints one object a scene and nothing else.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CommandError, readLine, type Line } from "./arguments.ts";
import { askControl } from "./control.ts";
import { findFreeAddress } from "./free-port.ts";
import { approver, type Ending, type Scene, type SceneResult } from "./demo-scene.ts";
import { sceneGroups } from "./demo-scenes.ts";
import { red } from "./paint.ts";
import { setStage, type DemoStage, type RealModel, type Stage } from "./demo-stage.ts";

const usage = "demo [--once] [--json] [--listen HOST:PORT] [--base-url URL --model NAME]   (key in AMBIT_MODEL_KEY)";

const width = 80;

export async function runDemo(args: string[]): Promise<number> {
  const flags = { once: "switch", listen: "text", "base-url": "text", model: "text" } as const;
  const line = readLine(args, usage, flags, [0, 0]);
  const json = line.has("json");
  const say = (text: string) => void (json ? undefined : console.log(text));
  const model = realModel(line);
  const name = model ? model.name : "scripted-demo, a script that obeys any text";
  say(fold(`Ambit demo: a payables clerk and an access desk. Model: ${name}.`, ""));
  say("What happened is read from the files of the ERP, the directory and the model.");
  const own = line.text("state");
  if (own === undefined) await clearDemoState();
  const options = { state: own ?? demoState, listen: line.text("listen") ?? (await findFreeAddress()), model };
  const verbose = process.env["AMBIT_VERBOSE"] === "1";
  const stage = await setStage({ ...options, log: (text) => void (verbose && process.stderr.write(text)) });
  const stopped = new Promise<void>((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
    // Whoever read this has gone (`demo | head`).
    process.stdout.on("error", () => resolve());
  });
  try {
    const played = await Promise.race([playAll(stage, json, say), stopped]);
    if (played === undefined) return 1;
    const failed = played.filter((result) => !result.ok).length;
    say(`\n${played.length - failed} of ${played.length} scenes went as they must.`);
    if (line.has("once") || json) return failed === 0 ? 0 : 1;
    invite(stage, options.state);
    await stopped;
    return 0;
  } finally {
    await stage.stop();
  }
}

/** Plays what this model can play, in order; nothing that goes wrong in one scene keeps the next from being played. */
async function playAll(stage: DemoStage, json: boolean, say: (text: string) => void): Promise<SceneResult[]> {
  const results: SceneResult[] = [];
  for (const { heading, scenes } of sceneGroups) {
    const playable = scenes.filter((scene) => stage.obeys || scene.anyModel);
    if (playable.length > 0) say(`\n${heading.toUpperCase()}`);
    for (const scene of playable) {
      say(`\n${fold(`${scene.name}: ${scene.title}`, "")}`);
      const { expected, observed, ok, world } = await play(scene, stage, (text) => say(fold(text, "  ")));
      results.push({ scene: scene.name, expected, observed, ok });
      if (json) console.log(JSON.stringify(results.at(-1)));
      else if (ok) say(fold(`What happened: ${world}. As it must be.`, "  "));
      else say(red(fold(`NOT as it must be. Expected: ${expected}. Observed: ${observed}.`, "  ")));
    }
  }
  if (!stage.obeys) say("\nThe other scenes need a model that does whatever it reads: leave --base-url out.");
  return results;
}

async function play(scene: Scene, stage: DemoStage, say: (text: string) => void): Promise<Ending> {
  try {
    return await scene.play(stage, say);
  } catch (thrown) {
    if (!(thrown instanceof CommandError)) throw thrown;
    return { expected: "the scene is played to its end", observed: thrown.message, ok: false, world: "" };
  }
}

/** Folds a paragraph at spaces to lines of 80 characters, each with this indentation. */
function fold(text: string, indent: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines.join("\n");
}

function invite(stage: Stage, state: string): void {
  console.log(`
It stays up until you press Ctrl-C. In another terminal:
  export AMBIT_TOKEN=${stage.token}
  ./ambit chat ${stage.name} "What invoices are open?" --user amy@acme.example --state ${state}
  ./ambit chat ${stage.name} "Please process message msg_1002" --user amy@acme.example --state ${state}
  ./ambit approvals ls ${stage.name} --state ${state}
  ./ambit approvals deny ${stage.name} CALL --by ${approver} --state ${state}
The deployment files of the scenes, and the ERP's own file, lie in ${dirname(stage.erpFile)}.`);
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

/** The demo's own state folder: programs are kept between demos, everything else is the last demo's. */
const home = process.env["HOME"] || tmpdir();
const demoState = process.getuid?.() === 0 ? "/var/lib/ambit-demo" : join(home, ".local/state/ambit-demo");

/** Every demo starts from the first day; refuses while another demo runs here. */
async function clearDemoState(): Promise<void> {
  const running = await askControl(demoState, "GET", "/v1/status").catch(() => undefined);
  if (running)
    throw new CommandError("a demo runs already; stop it with Ctrl-C there, or give this one its own --state DIR");
  if (!existsSync(demoState)) return;
  for (const name of readdirSync(demoState)) {
    if (name !== "programs") rmSync(join(demoState, name), { recursive: true, force: true });
  }
}
