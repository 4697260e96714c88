// The few calls of GitHub's REST API that the workflows make. One comment and one issue are kept up to date, not repeated.

/** Where, and as whom. */
export interface Repository {
  /** https://api.github.com, or an enterprise server's. */
  readonly api: string;
  /** OWNER/NAME */
  readonly name: string;
  readonly token: string;
}

/** A comment or an issue, as far as it is looked at. */
interface Post {
  readonly id: number;
  readonly number?: number;
  readonly body?: string | null;
  readonly user?: { readonly type?: string } | null;
  /** Issues only: it is a pull request. */
  readonly pull_request?: unknown;
}

/**
 * As a job of GitHub Actions knows it.
 * @throws Error naming the variables that are missing
 */
export function repositoryOf(env: NodeJS.ProcessEnv): Repository {
  const {
    GITHUB_API_URL: api = "https://api.github.com",
    GITHUB_REPOSITORY: name = "",
    GITHUB_TOKEN: token = "",
  } = env;
  const missing = Object.entries({ GITHUB_REPOSITORY: name, GITHUB_TOKEN: token }).flatMap(([key, value]) =>
    value ? [] : [key],
  );
  if (missing.length > 0) throw new Error(`${missing.join(" and ")} must be set: a job of GitHub Actions has them`);
  return { api: api.replace(/\/$/, ""), name, token };
}

async function call<T>({ api, name, token }: Repository, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${api}/repos/${name}/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: "application/vnd.github+json",
      "x-github-api-version": "2022-11-28",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) {
    const { message = "" } = (await response.json().catch(() => ({}))) as { message?: string };
    throw new Error(
      `GitHub refuses ${method} ${path}: ${response.status} ${message}. The job's permissions may lack it`,
    );
  }
  return (await response.json()) as T;
}

/** The first one of ours that begins with `marker`. A person who copies the marker is no bot. */
async function ours(repository: Repository, path: string, marker: string): Promise<Post | undefined> {
  for (let page = 1; ; page += 1) {
    const all = await call<Post[]>(repository, "GET", `${path}per_page=100&page=${page}`);
    const found = all.find(
      ({ body, user, pull_request: pull }) => pull === undefined && user?.type === "Bot" && body?.startsWith(marker),
    );
    if (found !== undefined || all.length < 100) return found;
  }
}

/** Makes the comment of a pull request, or brings it up to date. `body` begins with `marker`. */
export async function upsertComment(
  repository: Repository,
  pull: number,
  marker: string,
  body: string,
): Promise<"created" | "updated" | "unchanged"> {
  const found = await ours(repository, `issues/${pull}/comments?`, marker);
  if (found?.body === body) return "unchanged";
  if (found === undefined) await call(repository, "POST", `issues/${pull}/comments`, { body });
  else await call(repository, "PATCH", `issues/comments/${found.id}`, { body });
  return found === undefined ? "created" : "updated";
}

/** Opens the issue, brings it up to date, or with no `body` closes it: there is nothing to tell any more. */
export async function upsertIssue(
  repository: Repository,
  { marker, title, body }: { readonly marker: string; readonly title: string; readonly body: string | undefined },
): Promise<"created" | "updated" | "unchanged" | "closed" | "none"> {
  const found = await ours(repository, "issues?state=open&", marker);
  if (body === undefined) {
    if (found === undefined) return "none";
    await call(repository, "PATCH", `issues/${found.number}`, { state: "closed" });
    return "closed";
  }
  if (found?.body === body) return "unchanged";
  if (found === undefined) await call(repository, "POST", "issues", { title, body });
  else await call(repository, "PATCH", `issues/${found.number}`, { title, body });
  return found === undefined ? "created" : "updated";
}
