// Apart from the scripts: the command's help names the shells at every start, and only a completion needs the rest.

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];
