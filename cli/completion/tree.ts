// What of a command line can be completed, read from commander's own description of it.
import type { Argument, Command, Option } from "commander";

/** What a place of the command line takes: words that are known, or what the shell has to look up. */
export type Values = readonly Word[] | "tenants" | "files" | "anything";

/** A word and what it is for, in one line. */
export interface Word {
  readonly word: string;
  readonly about: string;
}

/** An option, by every name it has. */
export interface CompletedOption {
  readonly names: readonly Word[];
  /** undefined: it takes no value. */
  readonly value: Values | undefined;
}

/** One command of the tree. */
export interface CompletedCommand {
  /** `""` for the program itself, then ` provision`, ` fleet up`. */
  readonly path: string;
  readonly subcommands: readonly Word[];
  readonly options: readonly CompletedOption[];
  readonly arguments: readonly Values[];
  /** Its last argument may be repeated. */
  readonly repeats: boolean;
}

/** The program and all its commands. */
export function completedCommands(program: Command, path = ""): CompletedCommand[] {
  const help = Object.assign(program.createHelp(), { showGlobalOptions: true });
  const shown = help.visibleCommands(program);
  const options = [...help.visibleOptions(program), ...help.visibleGlobalOptions(program)];
  const own: CompletedCommand = {
    path,
    subcommands: shown.map((one) => ({ word: one.name(), about: line(one.description()) })),
    options: options.map(completedOption),
    arguments: program.registeredArguments.map(valuesOf),
    repeats: program.registeredArguments.at(-1)?.variadic === true,
  };
  return [own, ...shown.flatMap((one) => completedCommands(one, `${path} ${one.name()}`))];
}

function completedOption(option: Option): CompletedOption {
  const about = line(option.description);
  const names = [option.short, option.long].flatMap((name) => (name ? [{ word: name, about }] : []));
  return { names, value: option.required || option.optional ? valuesOf(option) : undefined };
}

/** Their names are the project's own words: `<id>` is a tenant wherever it stands. */
function valuesOf(place: Argument | Option): Values {
  if (place.argChoices !== undefined) return place.argChoices.map((word) => ({ word, about: "" }));
  const name = "flags" in place ? (/[<[]([\w.:-]+)/.exec(place.flags)?.[1] ?? "") : place.name();
  if (/^(id|ids|tenant|tenants)(\.\.\.)?$/.test(name)) return "tenants";
  return /^(file|folder|where|path)(\.\.\.)?$/.test(name) ? "files" : "anything";
}

const line = (text: string): string => text.replace(/\s+/g, " ");
