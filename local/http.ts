// One question to a server of ours.
import { request } from "node:http";

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
export function answer(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, agent: false, timeout: 2000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("error", reject).on("end", () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    asked.on("timeout", () => asked.destroy(new Error(`${url} does not answer`)));
    asked.on("error", reject).end();
  });
}

/** The body of a 200 answer; throws on any other. */
export async function get(url: string, headers: Record<string, string> = {}): Promise<string> {
  const { status, body } = await answer(url, headers);
  if (status !== 200) throw new Error(`${url} answers HTTP ${status}`);
  return body;
}
