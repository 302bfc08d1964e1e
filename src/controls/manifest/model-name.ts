// Control `least-privilege`: a tool has one name for its server and one for the model, and the two must lead to the same
// contract. Providers take letters, digits, `_` and `-`; MCP servers also use dots.

/** The name the model sees. */
export function modelName(tool: string): string {
  return tool.replaceAll(".", "_");
}
