// The completion scripts, in the shells they are for: each is asked as it asks when somebody presses the tab key.
import { Command, Option } from "commander";
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completionScript } from "../../cli/completion/scripts.ts";
import { shells, type Shell } from "../../cli/completion/shells.ts";
import { program } from "../../cli/main.ts";
import { localDir, root } from "../../toolchain/paths.ts";

// A blank and a quote: a checkout may be anywhere.
const folder = join(localDir, "test", "completion of o'brien");
const scriptOf = (shell: Shell): string => join(folder, `script.${shell}`);

/** Debian's packages, where root may install them; false: this machine has no such shell. */
function hasShell(shell: Shell): boolean {
  const found = () => spawnSync(shell, ["-c", "true"]).status === 0;
  if (!found() && process.getuid?.() === 0) {
    spawnSync("apt-get", ["install", "-y", "--no-install-recommends", shell], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  }
  return found();
}

const installed = Object.fromEntries(shells.map((shell) => [shell, hasShell(shell)]));

async function run(shell: Shell, script: string): Promise<string> {
  return new Promise((done, fail) => {
    const options = { bash: ["--norc"], zsh: ["-f"], fish: ["--no-config"] }[shell];
    const env = { PATH: process.env["PATH"], HOME: folder, TERM: "xterm" };
    execFile(shell, [...options, "-c", script], { cwd: folder, env }, (error, stdout, stderr) =>
      error === null && stderr === "" ? done(stdout) : fail(error ?? new Error(stderr)),
    );
  });
}

/** What the shell offers for the last of the words. */
async function offered(shell: Shell, ...words: string[]): Promise<string[]> {
  const line = ["tenant", ...words].join(" ");
  const ask = {
    bash: `. ./script.bash; COMP_WORDS=(${["tenant", ...words].map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}
      _tenant; printf '%s\\n' "\${COMPREPLY[@]}"`,
    // Outside of its line editor zsh lets nobody add completions: these two take what would be added.
    zsh: `compdef() { }; _files() { print a file }; _describe() { print -rl -- "\${(@)\${(P@)2}%%:*}" }; . ./script.zsh
      words=(tenant ${words.map((word) => `'${word}'`).join(" ")}); CURRENT=${words.length + 1}
      _tenant | while read -r one; do [[ $one == \${words[CURRENT]}* ]] && print -r -- $one; done; true`,
    fish: `source script.fish; complete -C ${JSON.stringify(line)}`,
  }[shell];
  const lines = (await run(shell, ask)).split("\n").map((one) => one.split("\t")[0] ?? "");
  return [...new Set(lines.filter((one) => one !== ""))].sort();
}

/** Every kind of place that a command line has. */
function example(): Command {
  const tree = new Command("tenant").option("--debug", "with 'quotes', a colon: and $HOME");
  tree
    .command("verify")
    .argument("<id>")
    .addOption(new Option("--expect <status>").choices(["active", "suspended"]));
  tree.command("export").argument("[id]").option("--to <where>").option("--reason <text>").option("--as <id>");
  tree.command("exec").argument("<id>").argument("<command...>");
  const fleet = tree.command("fleet").description("many at once");
  fleet.command("up").argument("<ids...>").option("--json");
  fleet.command("upgrade");
  return tree;
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "stacks"), { recursive: true });
  for (const id of ["acme", "abacus", "globex", "platform"])
    writeFileSync(join(folder, "stacks", `Pulumi.${id}.yaml`), "");
  writeFileSync(join(folder, "a file"), "");
  for (const shell of shells) writeFileSync(scriptOf(shell), completionScript(shell, example(), folder));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(shells)("%s completes", (shell) => {
  const test = it.runIf(installed[shell]);
  test.each<[string, string[], string[]]>([
    ["commands", ["ex"], ["exec", "export"]],
    ["commands of a command", ["fleet", "up"], ["up", "upgrade"]],
    ["tenants", ["verify", "a"], ["abacus", "acme"]],
    ["tenants, the platform not being one", ["verify", ""], ["abacus", "acme", "globex"]],
    ["tenants again where more are taken", ["fleet", "up", "globex", "ac"], ["acme"]],
    ["tenants behind an option", ["export", "--as", "g"], ["globex"]],
    ["tenants after an option and its value", ["export", "--reason", "verify", "g"], ["globex"]],
    ["options", ["verify", "acme", "--ex"], ["--expect"]],
    ["the program's options behind a command", ["fleet", "up", "--de"], ["--debug"]],
    ["choices", ["verify", "--expect", ""], ["active", "suspended"]],
    ["nothing where anything may stand", ["export", "--reason", ""], []],
    ["nothing where nothing may stand", ["fleet", "upgrade", ""], []],
  ])("%s", async (_, words, expected) => {
    expect(await offered(shell, ...words)).toEqual(expected);
  });
});

it.runIf(installed["zsh"])("zsh completes when the tab key is pressed", async () => {
  // What was typed and completed is run: the function says with which words.
  const printed = await run(
    "zsh",
    `zmodload zsh/zpty; zpty line zsh -f -i
    zpty -w line 'autoload -Uz compinit && compinit -u -D; . ./script.zsh; tenant() { print -r -- "$@" > ran.new && mv ran.new ran }'
    zpty -w -n line $'tenant ver\\tac\\t--exp\\tsus\\t\\n'
    while [[ ! -s ran ]]; do zpty -r -t line text || sleep 0.1; done; cat ran`,
  );
  expect(printed.trim()).toBe("verify acme --expect suspended");
});

it.runIf(installed["bash"])("bash completes when the tab key is pressed", async () => {
  const typed = `. ./script.bash; tenant() { echo "$@" > ran; }\\ntenant ver\\tac\\t--exp\\tsus\\t\\nexit\\n`;
  await run("bash", `printf '${typed.replaceAll("'", "'\\''")}' | script -qec "bash --norc -i" /dev/null >/dev/null`);
  expect(readFileSync(join(folder, "ran"), "utf8").trim()).toBe("verify acme --expect suspended");
});

it.runIf(installed["bash"])("bash completes files where a file stands, and behind --", async () => {
  for (const words of [
    ["export", "acme", "--to", "a"],
    ["exec", "acme", "--", "a"],
  ])
    expect(await offered("bash", ...words)).toEqual(["a file"]);
});

it("the real commands are in it, the command tenant runs them, and no server is asked", async () => {
  const script = completionScript("bash", program(), root);
  writeFileSync(scriptOf("bash"), script);
  expect(await offered("bash", "depr")).toEqual(["deprovision"]);
  expect(await offered("bash", "rotate", "acme", "--store", "mi")).toEqual(["minio"]);
  expect(await offered("bash", "completion", "")).toEqual([...shells].sort());
  const printed = await run("bash", `. ./script.bash; tenant completion bash`);
  expect(printed).toBe(`${script}\n`);
});
