// One comment, one issue: made, updated, found again on a later page, never somebody else's. Against a server that answers as GitHub's API does.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { repositoryOf, upsertComment, upsertIssue, type Repository } from "../../ci/github.ts";

interface Post {
  readonly id: number;
  readonly number: number;
  body: string;
  state: string;
  readonly title?: string;
  readonly user: { readonly type: string };
}
let posts: Post[];
let calls: string[];
let server: Server;
let repository: Repository;
const bot = { type: "Bot" };
const post = (id: number, body: string, user = bot): Post => ({ id, number: id, body, state: "open", user });

beforeEach(async () => {
  posts = [];
  calls = [];
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
      if (request.headers.authorization !== "Bearer secret")
        return void response.writeHead(403).end('{"message":"Resource not accessible"}');
      const sent = JSON.parse(text || "{}") as Partial<Post>;
      if (request.method !== "GET") calls.push(`${request.method} ${pathname}`);
      if (request.method === "POST") posts.push({ ...post(posts.length + 1, ""), ...sent });
      if (request.method === "PATCH") Object.assign(posts.find(({ id }) => pathname.endsWith(`/${id}`)) ?? {}, sent);
      const from = (Number(searchParams.get("page")) - 1) * 100;
      const open = posts.filter(({ state }) => searchParams.get("state") === null || state === "open");
      response.end(JSON.stringify(request.method === "GET" ? open.slice(from, from + 100) : {}));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  repository = repositoryOf({
    GITHUB_API_URL: `http://127.0.0.1:${port}/`,
    GITHUB_REPOSITORY: "team/tenants",
    GITHUB_TOKEN: "secret",
  });
});
afterEach(() => new Promise((done) => server.close(done)));

const marker = "<!-- ours -->";

it("a comment is made once, then updated, and left alone when it says the same", async () => {
  posts = [post(1, `${marker} copied by a person`, { type: "User" })];
  expect(await upsertComment(repository, 7, marker, `${marker} one`)).toBe("created");
  expect(await upsertComment(repository, 7, marker, `${marker} two`)).toBe("updated");
  expect(await upsertComment(repository, 7, marker, `${marker} two`)).toBe("unchanged");
  expect(posts.map(({ body }) => body)).toEqual([`${marker} copied by a person`, `${marker} two`]);
  expect(calls).toEqual(["POST /repos/team/tenants/issues/7/comments", "PATCH /repos/team/tenants/issues/comments/2"]);
});

it("a comment is found on a later page", async () => {
  posts = [...Array.from({ length: 250 }, (_, index) => post(index + 1, "talk")), post(251, `${marker} one`)];
  expect(await upsertComment(repository, 7, marker, `${marker} two`)).toBe("updated");
  expect(posts).toHaveLength(251);
});

it("an issue is opened, updated, closed, and opened anew", async () => {
  const tell = (body: string | undefined) => upsertIssue(repository, { marker, title: "Drift", body });
  expect(await tell(undefined)).toBe("none");
  expect(await tell(`${marker} one`)).toBe("created");
  expect(await tell(`${marker} two`)).toBe("updated");
  expect(await tell(`${marker} two`)).toBe("unchanged");
  expect(await tell(undefined)).toBe("closed");
  expect(await tell(`${marker} three`)).toBe("created");
  expect(posts.map(({ state, body }) => [state, body])).toEqual([
    ["closed", `${marker} two`],
    ["open", `${marker} three`],
  ]);
});

it("a refusal says what was refused, and nothing of the token", async () => {
  const refused = upsertComment({ ...repository, token: "wrong-token" }, 7, marker, marker);
  await expect(refused).rejects.toThrow(
    /^GitHub refuses GET issues\/7\/comments.*403 Resource not accessible.*permissions/,
  );
  await expect(refused).rejects.not.toThrow(/wrong-token/);
  expect(() => repositoryOf({})).toThrow("GITHUB_REPOSITORY and GITHUB_TOKEN must be set");
});
