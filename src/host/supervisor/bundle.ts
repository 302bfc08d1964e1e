// Control `runtime`: turns a room's entry point into the one file its process runs. The same sources give the same
// bytes on every machine (no absolute path, no time), so the folder named after their hash says what runs.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type * as Esbuild from "esbuild";

/** Root of the sources this supervisor was started from. */
export const projectRoot = resolve(import.meta.dirname, "../../..");

export type BundleKind = "worker" | "node";

export interface Bundle {
  /** One self-contained ES module. */
  readonly text: string;
  /** Every file it was made of, relative to the root. */
  readonly inputs: readonly string[];
}

/** Some dependencies are CommonJS and ask for `require`, which a module does not have by itself. */
const requireBanner = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;

/** Of modules that are no files. */
const required = "required";

/**
 * Node's own ES form of `node:http` reads each of its exports, and with the one for WebSockets loads an HTTP client, TLS and
 * the certificates: 13 MB and 25 ms of processor time in each part. Asked for by `require`, they stay out until used.
 */
const plainHttp: Esbuild.Plugin = {
  name: "plain-http",
  setup(build) {
    build.onResolve({ filter: /^node:http$/ }, ({ path, namespace }) =>
      namespace === required ? { path, external: true } : { path, namespace: required },
    );
    build.onLoad({ filter: /^node:http$/, namespace: required }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};
let loaded: Promise<typeof Esbuild> | undefined;

/** Ends esbuild's own process, when one was started. */
export async function endBundling(): Promise<void> {
  const esbuild = await loaded;
  loaded = undefined;
  await esbuild?.stop();
}

/** Bundles `entry`, a path relative to `root`. Throws with esbuild's own words. */
export async function bundle(entry: string, kind: BundleKind, root: string = projectRoot): Promise<Bundle> {
  // Loaded only here: most starts find their bundles made.
  const { build } = await (loaded ??= import("esbuild"));
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    target: kind === "worker" ? "es2024" : "node24",
    platform: kind === "worker" ? "neutral" : "node",
    mainFields: ["module", "main"],
    conditions: kind === "worker" ? ["workerd", "worker", "browser"] : ["node"],
    external: kind === "worker" ? ["cloudflare:*", "node:*", "./cedar.wasm"] : [],
    banner: kind === "node" ? { js: requireBanner } : {},
    plugins: kind === "node" ? [plainHttp] : [],
    define: kind === "worker" ? { "process.env.NODE_ENV": '"production"' } : {},
    // Names of modules stand in the output: they must not depend on where a linked node_modules really is.
    preserveSymlinks: true,
    // A gate keeps the text of its program in memory, each its own.
    minifyWhitespace: kind === "worker",
    minifySyntax: kind === "worker",
    legalComments: "none",
    logLevel: "silent",
  });
  const text = result.outputFiles[0]?.text;
  if (text === undefined) throw new Error(`esbuild gave no output for ${entry}`);
  const inputs = Object.keys(result.metafile.inputs).filter((path) => !path.startsWith(`${required}:`));
  return { text, inputs };
}

/** The version of this Ambit. */
export function readVersion(): string {
  const text = readFileSync(join(projectRoot, "package.json"), "utf8");
  return String((JSON.parse(text) as { version?: unknown }).version ?? "unknown");
}
