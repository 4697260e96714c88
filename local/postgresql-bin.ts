// Where PostgreSQL's programs are.
import { readdirSync, realpathSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { findOnPath, isProgram } from "./programs.ts";

/**
 * The folder with `postgres` and `initdb`: that of PATH, else the highest version under /usr/lib/postgresql.
 * @param major only this version ("15"), the one the data was made by
 */
export function postgresqlBin(major?: string): string | undefined {
  return candidates().find((bin) => major === undefined || versionOf(bin) === major);
}

function candidates(): string[] {
  const onPath = findOnPath("postgres");
  const packaged = list("/usr/lib/postgresql")
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join("/usr/lib/postgresql", version, "bin"));
  // PATH may hold links to single programs: the others are beside the real one.
  return [...(onPath === undefined ? [] : [dirname(realpathSync(onPath))]), ...packaged].filter(
    (bin) => isProgram(join(bin, "postgres")) && isProgram(join(bin, "initdb")),
  );
}

function versionOf(bin: string): string | undefined {
  const printed = spawnSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" }).stdout;
  return /(\d+)(\.|devel|beta|rc|\s|$)/.exec(printed)?.[1];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
