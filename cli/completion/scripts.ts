// The completion as each shell wants it: how it asks, and how it shows.
import type { Command } from "commander";
import { root } from "../../toolchain/paths.ts";
import { candidatesScript } from "./candidates.ts";
import type { Shell } from "./shells.ts";
import { completedCommands } from "./tree.ts";

/** A script for that shell to read when it starts: it defines the command \`tenant\` and completes it. */
export function completionScript(shell: Shell, program: Command, checkout = root): string {
  const candidates = candidatesScript(completedCommands(program), checkout);
  return { bash, zsh, fish }[shell](candidates);
}

const bash = (candidates: string): string => `${candidates}
_tenant() {
  local IFS=$'\\n' line word=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  for line in $(__tenant_candidates "\${COMP_WORDS[@]:1:COMP_CWORD}"); do
    line=\${line%%$'\\t'*}
    case $line in
      :files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$word")) ;;
      :*) ;;
      "$word"*) COMPREPLY+=("$line") ;;
    esac
  done
}
complete -F _tenant tenant
`;

const zsh = (candidates: string): string => `${candidates}
_tenant() {
  local line
  local -a found
  for line in "\${(@f)$(__tenant_candidates "\${(@)words[2,CURRENT]}")}"; do
    case $line in
      '') ;;
      :files) _files ;;
      :*) ;;
      *) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( \${#found} )) && _describe tenant found
}
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
compdef _tenant tenant
`;

/** fish is no POSIX shell: it has one run the shared part. */
const fish = (candidates: string): string => `set -g __tenant_script ${fishQuoted(candidates)}

function tenant
    sh -c "$__tenant_script"'tenant "$@"' tenant $argv
end

function __tenant_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (sh -c "$__tenant_script"'__tenant_candidates "$@"' tenant $words[2..-1])
        switch $line
            case ':files'
                __fish_complete_path (commandline -ct)
            case ':*'
            case '*'
                echo $line
        end
    end
end

complete -c tenant -e
complete -c tenant -f -a '(__tenant_complete)'
`;

const fishQuoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
