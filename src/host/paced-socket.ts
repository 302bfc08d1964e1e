// Control `runtime`: fair shares of an event loop that all deployments use. Whoever sends wants the process busy with what
// is cheap to send and dear to read: a thousand requests in one piece, a body in chunks of one byte, on every connection
// at once. Must stay true: of all connections of one owner (a deployment, a client's address) one small piece is read in
// each pass of the event loop, in turn, so that everybody else waits for milliseconds whatever it holds.
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** Bytes read in one turn: of the dearest kind they take about 10 ms. */
const pieceBytes = 16_384;

/** The turns of one owner. */
export class Turns {
  readonly #waiting: Array<() => void> = [];
  #isTaken = false;

  /** Calls `work` when its turn comes, which is now when nothing else had this pass of the event loop. */
  wait(work: () => void): void {
    if (this.#isTaken) this.#waiting.push(work);
    else this.#take(work);
  }

  #take(work: () => void): void {
    this.#isTaken = true;
    // What is set within an immediate runs in the next pass.
    setImmediate(() => {
      this.#isTaken = false;
      const next = this.#waiting.shift();
      if (next !== undefined) this.#take(next);
    });
    work();
  }
}

/** The turns of each owner that has connections. */
export class Owners {
  readonly #owners = new Map<string, { readonly turns: Turns; connections: number }>();

  /** Owners with connections. */
  get count(): number {
    return this.#owners.size;
  }

  /** A connection of this owner, read in the owner's turns. */
  pace(socket: Socket, name: string): PacedSocket {
    const owner = this.#owners.get(name) ?? { turns: new Turns(), connections: 0 };
    this.#owners.set(name, owner);
    owner.connections += 1;
    socket.once("close", () => {
      owner.connections -= 1;
      if (owner.connections === 0) this.#owners.delete(name);
    });
    return new PacedSocket(socket, owner.turns);
  }
}

/** A connection whose bytes reach their reader in turns. It has what Node's HTTP asks of a socket, and no more. */
export class PacedSocket extends Duplex {
  readonly #socket: Socket;
  readonly #turns: Turns;
  #isWanted = false;
  #isWaiting = false;

  constructor(socket: Socket, turns: Turns) {
    super({ allowHalfOpen: socket.allowHalfOpen });
    this.#socket = socket;
    this.#turns = turns;
    socket.on("readable", () => this.#take());
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    // What was read before an orderly end is still on its way to the reader.
    socket.on("close", () => socket.readableEnded || this.destroy());
    socket.on("timeout", () => this.emit("timeout"));
    // Whoever uses it adds a listener of its own; in between an error must not end the process.
    this.on("error", () => undefined);
  }

  /** False when the other side has ended or broken it, or has sent what nobody asked for, seen or not yet seen here. */
  get isQuiet(): boolean {
    const isOpen = ({ destroyed, readable, readableEnded, readableLength }: Duplex): boolean =>
      !destroyed && readable && !readableEnded && readableLength === 0;
    return this.writable && isOpen(this) && isOpen(this.#socket);
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get timeout(): number | undefined {
    return this.#socket.timeout;
  }

  setTimeout(ms: number, onTimeout?: () => void): this {
    this.#socket.setTimeout(ms);
    // As `net.Socket` has it: with 0 the listener goes. Node's HTTP client says so after each answer on a kept connection.
    if (onTimeout !== undefined && ms === 0) this.off("timeout", onTimeout);
    else if (onTimeout !== undefined) this.once("timeout", onTimeout);
    return this;
  }

  setKeepAlive(...options: Parameters<Socket["setKeepAlive"]>): this {
    this.#socket.setKeepAlive(...options);
    return this;
  }

  ref(): this {
    this.#socket.ref();
    return this;
  }

  unref(): this {
    this.#socket.unref();
    return this;
  }

  /** Ends it once everything written has left, whatever the other side does. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  override _read(): void {
    this.#isWanted = true;
    this.#take();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: ReadonlyArray<{ readonly chunk: Buffer; readonly encoding: BufferEncoding }>,
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.cork();
    for (const { chunk, encoding } of chunks.slice(0, -1)) this.#socket.write(chunk, encoding);
    const last = chunks.at(-1);
    if (last === undefined) done();
    else this.#socket.write(last.chunk, last.encoding, done);
    this.#socket.uncork();
  }

  override _final(done: () => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #take(): void {
    // Nothing is read by this: it asks for more, or notices that there is an end.
    if (this.#socket.readableLength === 0) return void this.#socket.read(0);
    if (!this.#isWanted || this.#isWaiting) return;
    this.#isWaiting = true;
    this.#turns.wait(() => {
      this.#isWaiting = false;
      const piece = this.#socket.read(Math.min(pieceBytes, this.#socket.readableLength)) as Buffer | null;
      if (piece === null) return;
      this.#isWanted = this.push(piece);
      this.#take();
    });
  }
}

/** Makes a server read its connections in turns. To be called before it listens and before it has other listeners. */
export function paceServer(server: Server, pace: (socket: Socket) => PacedSocket): void {
  const accept = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const paced = pace(socket);
    for (const listener of accept) listener.call(server, paced);
  });
}
