// tenant completion SHELL: what a shell needs to complete the tenant command.
import { Argument, Command } from "commander";
import { shells, type Shell } from "../completion/shells.ts";

export function completionCommand(): Command {
  return new Command("completion")
    .description(
      "print the script that completes commands, options and tenants in your shell, and defines the command tenant",
    )
    .addArgument(new Argument("<shell>", "which").choices(shells))
    .addHelpText(
      "after",
      `
The script is for this checkout: it names its folder, and completes the tenants that have a file in its stacks/.

Example: echo 'eval "$(npm --prefix ~/tenant-storage run -s tenant -- completion bash)"' >> ~/.bashrc
  zsh:   the same with completion zsh, in ~/.zshrc
  fish:  npm run -s tenant -- completion fish > ~/.config/fish/conf.d/tenant.fish`,
    )
    .action(print);
}

async function print(shell: Shell, _options: object, command: Command): Promise<void> {
  const { completionScript } = await import("../completion/scripts.ts");
  const { say } = await import("../output.ts");
  say(completionScript(shell, command.parent ?? command));
}
