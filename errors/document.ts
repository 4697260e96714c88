// docs/errors.md, made from the codes.
import { errorCodes } from "./codes.ts";

const head = `# Errors

An error is one message: what failed, on what, why, and what to type next. Its last line is its code:

\`\`\`
tenant: There is no tenant acmee. Did you mean acme? All tenants: npm run tenant -- list
Code: tenant-unknown (docs/errors.md)
\`\`\`

The message goes to standard error, and the exit code is 1. With \`--json\`, standard output has the same for programs, unless the
command had printed its data already: \`{"error": {"code": "tenant-unknown", "message": "…"}}\`. Codes are never renamed, messages
may be. \`--debug\` adds the stack trace of the error and its causes. No error prints a secret.

What a store or the engine says in the middle of an update is part of the message of that update's own error, such as
\`provision-failed\`.

| code | it means | do |
|---|---|---|
`;

const foot = `
This file is made from \`errors/codes.ts\` by \`npm run docs\`.
`;

/** The whole text of docs/errors.md. */
export function errorsDocument(): string {
  const rows = Object.entries(errorCodes).map(
    ([code, { meaning, remedy }]) => `| \`${code}\` | ${meaning} | ${remedy} |\n`,
  );
  return head + rows.join("") + foot;
}
