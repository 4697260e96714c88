// The issue that tells of drift: readable, the same for the same drift, never too long, and without secrets.
import { expect, it } from "vitest";
import { driftIssue, marker, type DriftDocument } from "../../ci/drift-text.ts";
import type { Difference } from "../../cli/drift/difference.ts";
import { commentLimit } from "../../cli/fleet/markdown-text.ts";

type Looked = DriftDocument["tenants"][number];
const role: Difference = {
  place: "PostgreSQL",
  resource: "Role acme",
  kind: "changed",
  what: "connectionLimit: 20 → -1",
};
const helper: Difference = {
  place: "Redis",
  resource: "user helper",
  kind: "foreign",
  what: "reaches tenant:acme:* by ~tenant:acme:cache:*",
  help: "when nobody needs it: ACL DELUSER helper, ACL SAVE",
};
const looked = (id: string, ...drift: readonly Difference[]): Looked => ({ id, outcome: "done", drift });
const failed = (id: string, message: string): Looked => ({
  id,
  outcome: "failed",
  error: { code: "drift-failed", message },
});

it("is none when everybody was looked at and nothing differs", () => {
  expect(driftIssue({ tenants: [] })).toBeUndefined();
  expect(driftIssue({ tenants: [looked("platform"), looked("acme")] })).toBeUndefined();
});

it("says by tenant what differs, what is not known, and what to type", () => {
  const down = failed("globex", "What there is of tenant globex could not be asked: Redis does not answer\nThen again");
  const late: Looked = { id: "hooli", outcome: "not begun", why: "interrupted" };
  expect(driftIssue({ tenants: [looked("platform"), looked("acme", role, helper), down, late] })).toBe(`${marker}

### Drift: 1 of 4 not as deployed, 2 of 4 not known

Somebody changed, deleted or added this from outside (acme):

| tenant | where | what | difference | put back |
| --- | --- | --- | --- | --- |
| acme | PostgreSQL | Role acme | connectionLimit: 20 → -1 | \`--repair\` |
| acme | Redis | user helper | reaches tenant:acme:\\* by \\~tenant:acme:cache:\\* | by hand: when nobody needs it: ACL DELUSER helper, ACL SAVE |

Of these nothing could be found out:

| tenant | why |
| --- | --- |
| globex | What there is of tenant globex could not be asked: Redis does not answer Then again |
| hooli | not begun: interrupted |

What to type:

\`\`\`sh
npm run tenant -- drift acme   # what differs now
npm run tenant -- drift acme --repair
npm run tenant -- drift globex hooli   # look again
\`\`\`

This issue is brought up to date by every look, and closed when nothing differs.
`);
});

it("does not depend on who was looked at first", () => {
  const tenants = [looked("zeta", role), failed("beta", "down"), looked("acme", helper)];
  expect(driftIssue({ tenants: [...tenants].reverse() })).toBe(driftIssue({ tenants }));
});

it("is never longer than an issue may be, and says what is missing", () => {
  const long = { ...role, what: "<@".repeat(5_000) };
  const tenants = Array.from({ length: 200 }, (_, index) => looked(`tenant-${index}`, role, long));
  const down = Array.from({ length: 200 }, (_, index) => failed(`down-${index}`, "it is down ".repeat(400)));
  const text = driftIssue({ tenants: [...tenants, ...down] }) ?? "";
  expect(text.length).toBeLessThanOrEqual(commentLimit);
  expect(text).toMatch(/…and \d+ more differences: `npm run tenant -- drift --all`/);
  expect(text).toMatch(/…and \d+ more of them: /);
  expect(text).toContain("npm run tenant -- drift --all --repair");
  // Nothing cut in the middle of an escape: no mention, no markup.
  expect(text.replace(marker, "")).not.toMatch(/[<@]|&(?!lt;|#64;)/);
});

it("shows no secret, and nothing that GitHub would take for markup", () => {
  const word = "postgresql://acme:Geheim-0123456789@db/acme";
  const text = driftIssue({
    tenants: [looked("acme", { ...role, what: word }), failed("globex", `${word} | @team <b>`)],
  });
  expect(text).not.toContain("Geheim-0123456789");
  expect(text).not.toMatch(/@team|<b>/);
});
