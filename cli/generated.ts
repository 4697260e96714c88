// The documents that are made from code: each fact is said once, in the code, and a test compares.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorsDocument } from "../errors/document.ts";
import { projectFile, readmeFile, stackFileSchema } from "../stacks/documents.ts";
import { root } from "../toolchain/paths.ts";

/** A file and what it should hold, given what it holds now (`""`: it is not there). */
export interface Generated {
  /** From the root of the checkout. */
  readonly file: string;
  readonly text: (now: string) => string;
}

export const generated: readonly Generated[] = [
  { file: "docs/errors.md", text: errorsDocument },
  { file: "Pulumi.yaml", text: projectFile },
  { file: "README.md", text: readmeFile },
  { file: "stacks/tenant.schema.json", text: stackFileSchema },
];

/** What a file holds now. */
export function textOf(file: string): string {
  try {
    return readFileSync(join(root, file), "utf8");
  } catch {
    return "";
  }
}

/** Writes those that differ; returns their names. */
export function writeGenerated(): string[] {
  return generated.flatMap(({ file, text }) => {
    const now = textOf(file);
    const wanted = text(now);
    if (wanted === now) return [];
    writeFileSync(join(root, file), wanted);
    return [file];
  });
}
