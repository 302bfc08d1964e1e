// Control `schemas`: ids of answers of the OpenAI face. An id says which turn of which thread it is and nothing else: the
// same turn has the same id however often it is asked for, and nothing has to be remembered to find it again. It gives no
// right to anything: whose thread it is stands in the thread's full name, with the user, and the user is not in the id.
export const responseIdPattern = /^resp_([1-9][0-9]{0,8})_([A-Za-z0-9_-]{1,64})$/;

/** Such as `chatcmpl_3_k_0123`: turn 3 of the thread `k_0123`. */
export function formTurnId(prefix: "chatcmpl" | "resp" | "msg", thread: string, turn: number): string {
  return `${prefix}_${turn}_${thread}`;
}

/** The thread that a response belongs to; undefined when this is no such id. */
export function threadOfResponse(id: string): string | undefined {
  return responseIdPattern.exec(id)?.[2];
}
