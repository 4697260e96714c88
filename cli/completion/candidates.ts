// The part of the completion that all shells share: a POSIX shell function that prints what can stand at the end of a line.
//
// It knows the whole command tree, so that nothing of this project runs while somebody types. Only the tenants are looked up:
// they are files in stacks/.
import { join } from "node:path";
import { quoted } from "../shell.ts";
import type { CompletedCommand, Values, Word } from "./tree.ts";

/**
 * The functions `__tenant_candidates` and `tenant`. The first gets the words between `tenant` and the one that is completed, and
 * that one; it prints lines of `word<TAB>what it is for`, or `:files`. Works in bash, zsh, dash.
 */
export function candidatesScript(commands: readonly CompletedCommand[], checkout: string): string {
  return `__tenant_ids() {
  printf ':anything\\n'
  for __file in ${quoted(join(checkout, "stacks"))}/Pulumi.*.yaml; do
    __file=\${__file##*/Pulumi.}
    __file=\${__file%.yaml}
    case $__file in platform | platform-* | '*') ;; *) printf '%s\\n' "$__file" ;; esac
  done
}

# What an option takes; nothing when it takes no value.
__tenant_value() {
  case "$1 $2" in
${cases(
  commands.flatMap(({ path, options }) =>
    options.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map(({ word }): [string, string] => [`${path} ${word}`, printed(value)]),
    ),
  ),
)}
  esac
}

__tenant_options() {
  case "$1" in
${cases(commands.map(({ path, options }) => [path, words(options.flatMap(({ names }) => names))]))}
  esac
}

# What stands where: subcommands before the first argument, then the arguments.
__tenant_place() {
  case "$1 $2" in
${cases(commands.flatMap(places))}
  esac
}

__tenant_candidates() {
  __at='' __count=0 __value='' __only=''
  while [ $# -gt 1 ]; do
    if [ -n "$__value" ]; then
      __value=''
    else
      case $1 in
        --) __only=1 ;;
        --*=*) ;;
        -*) [ -n "$(__tenant_value "$__at" "$1")" ] && __value=$1 ;;
        *)
          case "$__count
$(__tenant_place "$__at" 0)" in
            0*"
$1	"*) __at="$__at $1" ;;
            *) __count=$((__count + 1)) ;;
          esac
          ;;
      esac
    fi
    shift
  done
  if [ -n "$__only" ]; then
    printf ':files\\n'
  elif [ -n "$__value" ]; then
    __tenant_value "$__at" "$__value"
  else
    case $1 in
      -*) __tenant_options "$__at" ;;
      *) __tenant_place "$__at" $__count ;;
    esac
  fi
}

tenant() {
  (INIT_CWD=$PWD && export INIT_CWD && cd ${quoted(checkout)} && exec node toolchain/run.mjs cli/tenant.ts "$@")
}
`;
}

/** What stands at each place behind a command. */
function places({ path, subcommands, arguments: args, repeats }: CompletedCommand): [string, string][] {
  if (subcommands.length > 0) return [[`${path} 0`, words(subcommands)]];
  const made = args.map((values, index): [string, string] => [`${path} ${index}`, printed(values)]);
  const last = args.at(-1);
  return repeats && last !== undefined ? [...made, [`${path} *`, printed(last)]] : made;
}

/** The command that prints them. */
function printed(values: Values): string {
  if (values === "tenants") return "__tenant_ids";
  if (values === "files") return "printf ':files\\n'";
  return values === "anything" ? "printf ':anything\\n'" : words(values);
}

function words(all: readonly Word[]): string {
  const lines = all.map(({ word, about }) => quoted(`${word}\t${about}`));
  return lines.length === 0 ? ":" : `printf '%s\\n' ${lines.join(" ")}`;
}

/** Alternatives of a \`case\`; a \`*\` in a pattern stays one. */
function cases(all: readonly (readonly [pattern: string, command: string])[]): string {
  return all
    .map(([pattern, command]) => {
      const [text, any] = pattern.endsWith("*") ? [pattern.slice(0, -1), "*"] : [pattern, ""];
      return `    ${quoted(text)}${any}) ${command} ;;`;
    })
    .join("\n");
}
