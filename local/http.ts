// One question to a server of ours.
import { request } from "node:http";
import { request as requestSecurely } from "node:https";
import { Problem } from "../errors/problem.ts";

export interface GetOptions {
  readonly headers?: Record<string, string>;
  /** The only authority to trust, as PEM. */
  readonly ca?: string | undefined;
}

export interface Answer {
  /** HTTP's. */
  readonly status: number;
  readonly body: string;
}

/**
 * GET. Returns the answer; throws after 2 s without one.
 * Not `fetch`: that keeps the connection open, and a server that is stopped while connections are open waits for them
 * (Qdrant: 5 s).
 */
export function answer(url: string, options: GetOptions = {}): Promise<Answer> {
  const ask = url.startsWith("https:") ? requestSecurely : request;
  return new Promise((resolve, reject) => {
    const asked = ask(url, { ...options, agent: false, timeout: 2000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("error", reject).on("end", () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    asked.on("timeout", () => asked.destroy(new Problem("setup-failed", `${url} does not answer`)));
    asked.on("error", reject).end();
  });
}

/** The body of a 200 answer; throws on any other. */
export async function get(url: string, options: GetOptions = {}): Promise<string> {
  const { status, body } = await answer(url, options);
  if (status !== 200) throw new Problem("setup-failed", `${url} answers HTTP ${status}`);
  return body;
}
