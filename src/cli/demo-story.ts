// One day at the payables desk, as a person sees it: three scenes told with their texts, calls and files, all others in one
// line each. What is said of the world is read from the files of those that the agents work on; a text that came from
// outside is shown as it is, with the lines marked in which the values stand that a held call would use.
import type { ApprovalView } from "../controls/wire/gate.ts";
import { CommandError } from "./arguments.ts";
import { auditClerk } from "./demo-audit.ts";
import type { Verdict } from "./demo-ask.ts";
import { euros } from "./demo-erp.ts";
import { guiltyLines, wrap, type Page } from "./demo-page.ts";
import { nobody, type Ending, type Letter, type Scene, type SceneResult, type Teller } from "./demo-scene.ts";
import { sceneGroups } from "./demo-scenes.ts";
import { honestInvoice, poisonedInvoice } from "./demo-scenes/invoices.ts";
import { poisonedRequest } from "./demo-scenes/access.ts";
import type { DemoStage } from "./demo-stage.ts";

export interface Story {
  readonly page: Page;
  readonly stage: DemoStage;
  readonly state: string;
  /** Asks whoever watches; undefined when nobody decides. */
  readonly ask: () => Promise<Verdict | undefined>;
  /** What is said before the first decision that nobody is asked for. */
  readonly alone: string;
}

const told: readonly Scene[] = [honestInvoice, poisonedInvoice, poisonedRequest];

/** Tells the day; returns what became of every scene. */
export async function tellStory(story: Story): Promise<SceneResult[]> {
  const { page, stage, state } = story;
  act(page, "1. An honest invoice");
  const results = [await tell(story, honestInvoice, false, "The ERP's own file")];
  act(page, "2. A poisoned invoice");
  results.push(await tell(story, poisonedInvoice, true, "The ERP's own file"));
  act(page, "3. What the audit says");
  const { entries, head } = await page.during("reading the audit", auditClerk(state, stage.name));
  page.say(
    `All of this was written down while it happened: ${entries} entries, chained, and whole. Head of the chain:`,
  );
  page.say(head, "dim", "  ");
  act(page, "4. The same at another desk: who gets access");
  page.say("A second agent grants access in the company's directory. A visitor's request arrives.");
  results.push(await tell(story, poisonedRequest, false, "The directory's own file"));
  act(page, "5. Whatever else was tried");
  return [...results, ...(await tellRest(story))];
}

async function tellRest({ page, stage }: Story): Promise<SceneResult[]> {
  const results: SceneResult[] = [];
  if (!stage.obeys) {
    page.say("Not played: these attacks need a model that does whatever it reads. Leave --base-url out to see them.");
    return results;
  }
  for (const scene of sceneGroups.flatMap(({ scenes }) => scenes).filter((one) => !told.includes(one))) {
    const steps: string[] = [];
    const ending = await page.during(
      `    ${scene.title}`,
      playScene(scene, stage, nobody, (text) => void steps.push(text)),
    );
    results.push(resultOf(scene, ending));
    if (ending.ok) page.say(`${scene.title} -> ${scene.gist}.`, undefined, "ok  ", "    ");
    else {
      page.say(`${scene.title} (${scene.name})`, "red", "NOT OK  ", "    ");
      for (const step of steps) page.say(step, undefined, "    ");
      page.say(differenceOf(ending), "red", "    ");
    }
  }
  return results;
}

/** Plays a scene before whoever watches; only a scene that failed in a way of its own is not ok. */
export async function playScene(
  scene: Scene,
  stage: DemoStage,
  teller: Teller = nobody,
  say: (text: string) => void = () => undefined,
): Promise<Ending> {
  try {
    return await scene.play(stage, say, teller);
  } catch (thrown) {
    const { exitCode, signalCode } = stage.host.child;
    if (exitCode !== null || signalCode !== null)
      throw new CommandError("Ambit ended while the demo played; start it again with AMBIT_VERBOSE=1 to see why");
    if (!(thrown instanceof CommandError)) throw thrown;
    return { expected: "the scene is played to its end", observed: thrown.message, ok: false, world: "" };
  }
}

export function resultOf({ name }: Scene, { expected, observed, ok }: Ending): SceneResult {
  return { scene: name, expected, observed, ok };
}

function differenceOf({ expected, observed }: Ending): string {
  return `Expected: ${expected}. Observed: ${observed}.`;
}

async function tell(story: Story, scene: Scene, isAsked: boolean, file: string): Promise<SceneResult> {
  const { page, stage } = story;
  const ending = await playScene(scene, stage, tellerOf(story, isAsked));
  page.say();
  if (ending.ok) page.say(`${file} says: ${ending.world}.`, "green");
  else page.say(`NOT as it must be. ${differenceOf(ending)}`, "red");
  return resultOf(scene, ending);
}

function tellerOf(story: Story, isAsked: boolean): Teller {
  const { page } = story;
  return {
    asked: (who, words) => page.say(`${who} writes to the agent: "${words}"`),
    letter: (letter, values) => {
      page.say("What the agent then read:");
      page.lines(renderLetter(letter, values, page.width).plain);
      for (const { ink, lines } of renderLetter(letter, values, page.width).body) page.lines(lines, ink);
      page.say(
        values.length === 0
          ? "The model did not ask for any of it."
          : "Marked >>: where the attacker's orders stand. The model obeys them, and asks for this:",
      );
    },
    decide: async (call, by, played) => {
      page.lines(renderHeld(call, page.width), "yellow");
      const verdict = isAsked ? await story.ask() : played;
      if (isAsked && verdict === undefined) page.say(story.alone, "dim");
      const done = verdict ?? played;
      page.say(`${by} ${done === "approve" ? "approves" : "denies"} it.`, "bold");
      return done;
    },
    answered: (reply) => {
      page.say();
      page.say(`The agent answers: "${reply.replaceAll("\n", " ")}"`);
    },
  };
}

function act(page: Page, title: string): void {
  page.say();
  page.say(title, "bold");
}

interface Rendered {
  readonly plain: string[];
  readonly body: readonly { readonly lines: string[]; readonly ink: "guilty" | undefined }[];
}

/** A letter with a bar before each line, and `>>` before those in which one of the values stands. */
export function renderLetter({ from, subject, body }: Letter, values: readonly string[], width: number): Rendered {
  const lines = body.split("\n");
  const guilty = guiltyLines(lines, values);
  const head = [`From: ${from}`, `Subject: ${subject}`].flatMap((line) => wrap(line, width, "   | "));
  const rows = lines.map((line, at) => {
    const isGuilty = guilty[at] === true;
    return { lines: wrap(line, width, isGuilty ? ">> | " : "   | "), ink: isGuilty ? ("guilty" as const) : undefined };
  });
  return { plain: [...head, "   |"], body: rows };
}

/** A held call with all of its arguments, exactly as they will be sent. */
export function renderHeld(call: ApprovalView, width: number): string[] {
  const rows = Object.entries(call.arguments).map(([key, value]) => {
    const inEuros = key === "amount_cents" ? `   (${euros(Number(value))})` : "";
    return `${key} = ${JSON.stringify(value)}${inEuros}`;
  });
  return [
    "",
    ...wrap(`HELD for a person: ${call.tool} (${call.effect}, ${call.impact})`, width, "  "),
    ...rows.flatMap((row) => wrap(row, width, "    ", "      ")),
  ];
}
