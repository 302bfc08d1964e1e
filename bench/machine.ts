// What a figure was measured on; printed and kept with it. A figure that ends on a disk says little without that disk, so
// a bare fsync is measured right before.
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { cpus, release, totalmem, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "../src/cli/child.ts";
import type { Machine } from "./result.ts";
import { round, spread } from "./statistics.ts";

const fsyncs = 200;
/** How long others are watched before a measurement, ms. */
const watchMs = 2000;

export async function describeMachine(): Promise<Machine> {
  const busyBefore = await busyShare();
  const disk = openDisk();
  try {
    const ms = Array.from({ length: fsyncs }, () => {
      const began = performance.now();
      disk.fsync();
      return performance.now() - began;
    });
    return {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: cpus().length,
      memoryGb: Math.max(1, Math.round(totalmem() / 1_073_741_824)),
      system: systemName(),
      kernel: release(),
      node: process.versions.node,
      workerd: workerdVersion(),
      busyBefore,
      fsyncMs: spread(ms),
    };
  } finally {
    disk.close();
  }
}

/** A file where the state of a measured host lies, for fsyncs of 4 KiB without anything else. */
export function openDisk(): { fsync(): void; close(): void } {
  const folder = mkdtempSync(join(tmpdir(), "ambit-fsync-"));
  const file = openSync(join(folder, "f"), "w");
  const block = Buffer.alloc(4096);
  return {
    fsync: () => {
      writeSync(file, block);
      fsyncSync(file);
    },
    close: () => {
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Share of all cores that was used in two seconds in which we did nothing, 0 to 1. */
async function busyShare(): Promise<number> {
  const before = coreTimes();
  await pause(watchMs);
  const after = coreTimes();
  return round(1 - (after.idle - before.idle) / (after.all - before.all));
}

function coreTimes(): { idle: number; all: number } {
  const times = cpus().map((core) => core.times);
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), all };
}

function systemName(): string {
  const lines = readFileSync("/etc/os-release", "utf8");
  return /^PRETTY_NAME="?([^"\n]+)/m.exec(lines)?.[1] ?? "Linux";
}

function workerdVersion(): string {
  const cpu = process.arch === "arm64" ? "arm64" : "64";
  return versionOf(`${root}node_modules/@cloudflare/workerd-linux-${cpu}`);
}

/** Version of an installed package. */
export function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;
}
