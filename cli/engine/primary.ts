// A run that only asks or deletes takes the native providers from the state; of several PostgreSQL servers another one may accept
// writes by now.
import { servers } from "../../providers/clients/servers.ts";

/** Has such a run ask the program where the primary is. Costs the program's start, so only where there are several servers. */
export const findingPrimary = (): { readonly runProgram?: true } =>
  servers().postgresql.nodes === undefined ? {} : { runProgram: true };
