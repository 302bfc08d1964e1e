import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { openStore } from "./store.ts";
import { maxStreams, maxStreamsOfToken, sse, Streams, type NextPiece } from "./streams.ts";
import { TokenStore } from "./token-store.ts";

const folder = mkdtempSync("/tmp/ambit-streams-");
const tokens = new TokenStore(openStore(join(folder, "admin.sqlite")));
const mint = (): string => tokens.make("amy", "viewer", 1, Date.now())?.id ?? "";

after(() => rmSync(folder, { recursive: true, force: true }));

const quiet: NextPiece = async (wait) => ((await wait.until(() => () => undefined)) ? "x" : "");
const never = new AbortController().signal;

function reader(streams: Streams, token: string, next: NextPiece = quiet, signal = never) {
  const opened = streams.open({ token, signal }, next);
  assert.ok(opened instanceof Response, JSON.stringify(opened));
  const chunks = opened.body?.getReader() ?? assert.fail();
  return {
    read: async () => {
      const { done, value } = await chunks.read();
      return done ? null : new TextDecoder().decode(value);
    },
    cancel: () => chunks.cancel(),
  };
}

test("a silent stream says that it is there, and ends when its reader goes, when admin ends and when its token does", async () => {
  const streams = new Streams(tokens, 20);
  const [token, ended] = [mint(), mint()];
  const gone = new AbortController();
  const [one, two, three] = [
    reader(streams, token),
    reader(streams, ended),
    reader(streams, token, quiet, gone.signal),
  ];
  for (const each of [one, two, three])
    assert.deepEqual([await each.read(), await each.read()], [": open\n\n", ": here\n\n"]);
  tokens.remove(ended);
  gone.abort();
  for (const each of [two, three]) while ((await each.read()) !== null);
  assert.equal(await one.read(), ": here\n\n");
  streams.close();
  while ((await one.read()) !== null);
});

test("places are few, by token and in all, and are free again when a stream ends", async () => {
  const streams = new Streams(tokens, 10_000);
  const token = mint();
  const own = Array.from({ length: maxStreamsOfToken }, () => reader(streams, token));
  const open = (of: string) => streams.open({ token: of, signal: never }, quiet);
  const refused = open(token);
  assert.deepEqual("code" in refused && [refused.status, refused.code], [429, "too_many_streams"]);
  await own[0]?.cancel();
  assert.ok(open(token) instanceof Response);
  const others = Array.from({ length: maxStreams / maxStreamsOfToken }, mint);
  const all = others.flatMap((of) => Array.from({ length: maxStreamsOfToken }, () => open(of)));
  assert.equal(all.filter((one) => "code" in one).length, maxStreamsOfToken);
  streams.close();
});

test("a reader that takes nothing has nothing piled up for it", async () => {
  const streams = new Streams(tokens);
  let asked = 0;
  const slow = reader(streams, mint(), () => Promise.resolve(sse("x", ++asked)));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(asked <= 1, String(asked));
  await slow.read();
  assert.equal(await slow.read(), "event: x\ndata: 1\n\n");
  await slow.cancel();
});

test("a stream whose next piece cannot be made ends, and its place is free", async () => {
  const streams = new Streams(tokens);
  const broken = reader(streams, mint(), () => Promise.reject(new Error("no")));
  assert.equal(await broken.read(), ": open\n\n");
  assert.equal(await broken.read(), null);
});
