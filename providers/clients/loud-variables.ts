// Variables with which libraries print what they pass on: passwords, in the clear, into logs that people send each other.
import { Problem } from "../../errors/problem.ts";

interface LoudVariable {
  readonly name: string;
  /** The name it is switched on by; entries of the variable may hold a `*`. */
  readonly section: string;
  readonly prints: string;
}

const loudVariables: readonly LoudVariable[] = [
  { name: "NODE_DEBUG", section: "child_process", prints: "the environment of every program that is started" },
  { name: "DEBUG", section: "ioredis:redis", prints: "every command that is sent to Redis" },
];

/** Whether one of the entries (between commas or spaces) stands for the section, as in Node and in the package `debug`. */
function covers(entries: string, section: string): boolean {
  return entries.split(/[\s,]+/).some((entry) => {
    const pattern = entry.replace(/[^\w*]/g, "\\$&").replaceAll("*", ".*");
    return new RegExp(`^${pattern}$`, "i").test(section);
  });
}

/**
 * Refuses to work where a library would print credentials.
 * @throws Error naming the variable and what to leave out of it.
 */
export function refuseLoudVariables(env: NodeJS.ProcessEnv = process.env): void {
  for (const { name, section, prints } of loudVariables) {
    if (!covers(env[name] ?? "", section)) continue;
    throw new Problem(
      "loud-variable",
      `${name}=${env[name]} prints ${prints}, passwords included: nothing was done. ` +
        `Leave ${section} out of it, or: unset ${name}`,
    );
  }
}
