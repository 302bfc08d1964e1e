// What the model answers of a turn cost, as the model's provider reports it, for whoever asks through the OpenAI face. Part of
// the journal: written in the commit of the step. Limits and budgets do not read it.
export const usageTable = `
  create table if not exists usage (turn integer primary key, input integer not null, output integer not null);
`;

/** Tokens. */
export interface Usage {
  readonly input: number;
  readonly output: number;
}

export function addUsage(sql: SqlStorage, turn: number, { input, output }: Usage): void {
  const add = "on conflict (turn) do update set input = input + excluded.input, output = output + excluded.output";
  sql.exec(`insert into usage values (?, ?, ?) ${add}`, turn, input, output);
}

/** Nothing of a turn that an older Ambit walked. */
export function readUsage(sql: SqlStorage, turn: number): Usage {
  const row = sql.exec("select input, output from usage where turn = ?", turn).toArray()[0];
  return { input: Number(row?.["input"] ?? 0), output: Number(row?.["output"] ?? 0) };
}
