// The comment of a pull request: readable, the same for the same previews, never too long, never with a secret.
import { describe, expect, it } from "vitest";
import type { Previewed } from "../../cli/engine/preview.ts";
import { differences } from "../../cli/fleet/differences.ts";
import { Kinds } from "../../cli/fleet/kinds.ts";
import { commentLimit } from "../../cli/fleet/markdown-text.ts";
import { comment, marker } from "../../cli/fleet/markdown.ts";

const urn = (stack: string, type: string, name = stack): string =>
  `urn:pulumi:${stack}::tenant-storage::tenant-storage:index:Tenant$${type}::${name}`;
const policy = (stack: string) => urn(stack, "minio:index/iamPolicy:IamPolicy", `tenant-${stack}-policy`);
const none = { changes: { same: 50 }, steps: [], refused: [], warnings: [], errors: [] };
const updated = (stack: string, lines = 1): Previewed => ({
  ...none,
  stack,
  changes: { update: 1, same: 49 },
  steps: [
    {
      op: "update",
      urn: policy(stack),
      diff: ["policy"],
      properties: Array.from({ length: lines }, (_, index) => ({
        path: `policy.Statement[${index}]`,
        from: '"old"',
        to: '"new"',
      })),
    },
  ],
});
const of = (...previews: readonly Previewed[]): string => comment({ previews, because: "Stack files changed." });

describe("the comment", () => {
  it("begins with the line that finds it again, then what is refused, the table, and a diff each", () => {
    const refused = {
      ...updated("acme"),
      refused: [{ rule: "minio-least-policy", urn: policy("acme"), message: "the action s3:* is a wildcard" }],
    };
    const text = of({ ...none, stack: "quiet" }, updated("globex"), refused);
    expect(text).toMatchInlineSnapshot(`
      "<!-- tenant-storage preview -->

      ### Preview: 3 stacks: 1 refused by the policy pack, 2 would change, 1 unchanged

      Stack files changed.

      | stack | policy | resource | what is wrong |
      | --- | --- | --- | --- |
      | acme | ⛔ **minio-least-policy** | IamPolicy tenant-acme-policy | the action s3:\\* is a wildcard |

      | stack | create | update | replace | delete | unchanged | policy |
      | --- | --- | --- | --- | --- | --- | --- |
      | acme | 0 | 1 | 0 | 0 | 49 | ⛔ refused |
      | globex | 0 | 1 | 0 | 0 | 49 | passes |

      | would | resource | properties | stacks |  |
      | --- | --- | --- | --- | --- |
      | update | IamPolicy | policy | 2 | acme, globex |

      Unchanged: quiet.

      <details><summary>acme</summary>

      \`\`\`diff
      ~ IamPolicy tenant-acme-policy (update)
      -     policy.Statement[0]: "old"
      +     policy.Statement[0]: "new"
      \`\`\`

      </details>

      <details><summary>globex</summary>

      \`\`\`diff
      ~ IamPolicy tenant-globex-policy (update)
      -     policy.Statement[0]: "old"
      +     policy.Statement[0]: "new"
      \`\`\`

      </details>
      "
    `);
  });

  it("is the same whatever came first", () => {
    const [one, two, three] = [updated("acme"), updated("globex"), { ...none, stack: "quiet" }];
    expect(of(three, two, one)).toBe(of(one, two, three));
  });

  it("of nothing says so, and what to do about a removed file", () => {
    const text = comment({ previews: [], removed: ["initech"], because: "The change touches nothing." });
    expect(text).toContain("### Preview: 0 stacks");
    expect(text).toMatch(/\[!WARNING\]\n> stacks\/Pulumi.initech.yaml was removed. That deletes nothing/);
  });

  it.each([
    ["one long diff", [updated("acme", 5000)], "npm run preview -- acme --diff"],
    [
      "many diffs",
      Array.from({ length: 300 }, (_, index) => updated(`tenant${index}`, 20)),
      "npm run preview --  --diff",
    ],
    [
      "thousands of tenants",
      Array.from({ length: 4000 }, (_, index) => updated(`tenant${index}`)),
      "more stacks of this table",
    ],
    [
      "thousands of violations",
      Array.from({ length: 2000 }, (_, index) => ({
        ...none,
        stack: `t${index}`,
        refused: [{ rule: "r", urn: undefined, message: "m".repeat(900) }],
      })),
      "more rows of policy violations",
    ],
  ])("of %s is cut to what GitHub takes, and says how to see all", (_, previews, said) => {
    const text = of(...previews);
    expect(text.length).toBeLessThanOrEqual(commentLimit);
    expect(text.length).toBeGreaterThan(commentLimit / 4);
    expect(text.startsWith(marker)).toBe(true);
    expect(text).toContain(said);
    // Nothing is left open.
    expect(text.split("<details>").length).toBe(text.split("</details>").length);
    expect((text.match(/^```/gm) ?? []).length % 2).toBe(0);
  });

  it("no text from outside is markup, a mention, or ends a fence", () => {
    const message = "</details> | @everyone <script> `x` ![a](b)";
    const odd = updated("acme");
    const steps = odd.steps.map((step) => ({
      ...step,
      properties: [{ path: "reason", from: undefined, to: '"```\\n</details>"' }],
    }));
    const text = of({ ...odd, steps, errors: [message] });
    const [before, after] = text.split("````diff");
    expect(before).toContain("&lt;/details&gt; \\| &#64;everyone &lt;script&gt; \\`x\\` \\!\\[a\\](b)");
    expect(after).toMatch(/^\n~ IamPolicy.*```.*\n````\n\n<\/details>\n$/s);
  });
});

describe("what differs", () => {
  it("is said value by value, inside lists and documents too", () => {
    const from = { networks: ["10.1.0.0/16"], policy: '{"Statement":[{"Action":"a","Effect":"Allow"}]}', same: 1 };
    const to = {
      networks: ["10.1.0.0/16", "10.2.0.0/16"],
      policy: '{"Statement":[{"Action":"b","Effect":"Allow"}]}',
      same: 1,
    };
    expect(differences(from, to)).toEqual([
      { path: "networks[1]", from: undefined, to: '"10.2.0.0/16"' },
      { path: "policy.Statement[0].Action", from: '"a"', to: '"b"' },
    ]);
  });

  const password = "Kq7vT2mXw9Rb4Yc8Zd1Ea5Gf6Hj3Lk0Np2Qs7Uv4Wx9Y";
  const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "v1:abc" };
  it.each([
    ["in a property of such a name", { password: "hunter2" }, { password: "hunter3" }],
    ["deep in one", { a: { secretKey: ["hunter2"] } }, { a: { secretKey: ["hunter3"] } }],
    ["in a document in a text", { doc: '{"token":"hunter2"}' }, { doc: '{"token":"hunter3"}' }],
    ["marked by the engine", { value: secret }, { value: { ...secret, ciphertext: "v1:hunter2" } }],
    ["looking like one", { note: "plain" }, { note: `the password is ${password}` }],
    ["cut in the middle", { note: "plain" }, { note: `${"x ".repeat(70)}${password}` }],
    ["a private key", { note: "plain" }, { note: "-----BEGIN PRIVATE KEY-----\nhunter2" }],
    ["in a URL", { note: "plain" }, { note: "redis://user:hunter2@host" }],
    [
      "an age key",
      { note: "plain" },
      { note: "AGE-SECRET-KEY-184JMZMVQH3E6U0PSL869004Y3U2NYV7R30EU99CSEDNPH02YUVFSZW44VU" },
    ],
    ["as a key", { [password]: 1 }, { [password]: 2 }],
  ])("never shows a secret %s", (_, from, to) => {
    const found = differences(from, to);
    expect(found).toHaveLength(1);
    const text = JSON.stringify(found);
    expect(text).toContain("[secret]");
    expect(text).not.toMatch(/hunter|Kq7vT2mX|184JMZM|v1:/);
  });

  it("a secret that the engine hides changes nevertheless", () => {
    expect(differences({ password: "[secret]" }, { password: "[secret]" }, ["password"])).toEqual([
      { path: "password", from: "[secret]", to: "[secret]" },
    ]);
  });
});

it("kinds of change are counted over tenants, what takes away first", () => {
  const kinds = new Kinds();
  for (const stack of ["c", "a", "b"]) kinds.add(updated(stack));
  kinds.add({ stack: "a", steps: [{ op: "delete", urn: policy("a"), diff: [], properties: [] }] });
  kinds.add({
    stack: "a",
    steps: [{ op: "create", urn: `urn:pulumi:a::p::pulumi:pulumi:Stack::a`, diff: [], properties: [] }],
  });
  expect(kinds.all()).toEqual([
    { op: "delete", type: "IamPolicy", properties: [], stacks: ["a"], resources: 1 },
    { op: "update", type: "IamPolicy", properties: ["policy"], stacks: ["a", "b", "c"], resources: 3 },
  ]);
});
