// Opening a tool server while the broker restarts: what passes is waited for, what does not is said at once.
// Only opening is tried again: it asks nothing of a server that it would do twice. A call is never sent again from here.
import { ToolServerFault } from "./fault.ts";
import type { OfferedTools, ToolServer } from "./mcp.ts";
import { restartMs, restartPauseMs } from "./outcome.ts";

/** A broker that is restarting must not make a call fail that nobody has sent yet. */
export async function openWhenBack(
  server: ToolServer,
  wanted: readonly string[],
  limitMs: number,
): Promise<OfferedTools> {
  const until = Date.now() + restartMs;
  for (;;) {
    try {
      return await server.open(wanted, limitMs);
    } catch (thrown) {
      const isPassing = thrown instanceof ToolServerFault && thrown.isPassing;
      if (!isPassing || Date.now() > until) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, restartPauseMs));
    }
  }
}
