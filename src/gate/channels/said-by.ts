// Control `recon`: for whom a request was, as the front writes it into its access log. The user's name is whatever a channel says:
// it leaves encoded, so that it can end no header and no line. The front takes it off the answer.
import { userHeader, writeUser } from "../../controls/wire/gate.ts";

/** The same answer with the user it is for. */
export function saidBy(user: string, response: Response): Response {
  response.headers.set(userHeader, writeUser(user));
  return response;
}
