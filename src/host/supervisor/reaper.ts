// Control `runtime`: nothing outlives the supervisor, not even by a race. Every part dies with its parent by the kernel's
// death signal, but bubblewrap sets that signal in its inner process only after it has forked it: a supervisor killed in
// those few milliseconds leaves a gate behind that nobody limits and nobody ends. A small shell waits for the end of the
// supervisor on a pipe, ends what is left, removes the sockets, and then ends itself.
import { spawn, type ChildProcess } from "node:child_process";
import { namePattern } from "../../controls/manifest/shapes.ts";

/**
 * Waits until its input ends. Then kills, until two looks in a row find nothing, every process that has `$1` (a pattern)
 * as one of its arguments and bubblewrap as another: whoever only reads such a file is left alone. With `$2` it then
 * empties its working folder, by relative paths: the next supervisor moves that folder away and makes its own.
 */
const script = `
while read -r line; do :; done
quiet=0
round=0
while [ "$quiet" -lt 2 ] && [ "$round" -lt 100 ]; do
  quiet=$((quiet + 1))
  round=$((round + 1))
  for file in $(grep -lzE -e "$1" /proc/[0-9]*/cmdline 2>/dev/null); do
    grep -qzxF /usr/bin/bwrap "$file" 2>/dev/null || continue
    pid=\${file#/proc/}
    kill -KILL "\${pid%/cmdline}" 2>/dev/null && quiet=0
  done
  sleep 0.03
done
[ -z "$2" ] || rm -rf ./control.sock ./gates ./doors ./broker ./front ./admin ./configs ./pid ./cgroups.json`;

const environment = { PATH: "/usr/bin:/bin", LC_ALL: "C" };

/** File name of a gate's configuration: it names the supervisor, so that nobody ends the gates of the next one. */
export function configFile(supervisor: number): string {
  return `${supervisor}.capnp`;
}

const anyName = namePattern.source.slice(1, -1);

function pattern(configs: string, supervisor: string, name = anyName): string {
  return `^${configs.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}/${name}/${supervisor}\\.capnp$`;
}

function reap(what: string): Promise<void> {
  const shell = spawn("/bin/sh", ["-c", script, "sh", what, ""], { cwd: "/", env: environment, stdio: "ignore" });
  return new Promise((resolve, reject) => shell.once("error", reject).once("exit", () => resolve()));
}

/** Ends what earlier supervisors of the same folders left. Only for who holds the lock, before it starts a gate. */
export function reapEarlier(configs: string): Promise<void> {
  return reap(pattern(configs, "[0-9]+"));
}

/** Ends what is left of one gate of ours, where no group holds its processes together. Its next life must not run yet. */
export function reapGate(configs: string, name: string): Promise<void> {
  return reap(pattern(configs, String(process.pid), name));
}

/** The shell that waits for the end of this process. */
export class Reaper {
  readonly #run: string;
  readonly #pattern: string;
  #shell: ChildProcess | undefined;
  #stopped = false;

  /** `run` is the run folder, `configs` the folder of the gates' configurations in it. */
  constructor(run: string, configs: string) {
    this.#run = run;
    this.#pattern = pattern(configs, String(process.pid));
  }

  /** Starts it; it is started again when somebody ends it. */
  start(): this {
    const shell = spawn("/bin/sh", ["-c", script, "sh", this.#pattern, "empty"], {
      cwd: this.#run,
      env: environment,
      // Our end of its input is closed by the kernel when we die, and by nothing else.
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    shell.stdin?.on("error", () => undefined);
    shell.on("error", () => undefined);
    shell.once("exit", () => {
      if (!this.#stopped) setTimeout(() => this.#stopped || this.start(), 100);
    });
    this.#shell = shell;
    return this;
  }

  /** Ends it, when all parts have ended in order. */
  stop(): void {
    this.#stopped = true;
    this.#shell?.kill("SIGKILL");
  }
}
