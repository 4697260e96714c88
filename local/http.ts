// One question to a server of ours.
import { request } from "node:http";

/**
 * GET. Returns the body of a 200 answer; throws on any other, and after 2 s without one.
 * Not `fetch`: that keeps the connection open, and a server that is stopped while connections are open waits for them
 * (Qdrant: 5 s).
 */
export function get(url: string, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, agent: false, timeout: 2000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("error", reject).on("end", () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${url} answers HTTP ${response.statusCode}`));
      });
    });
    asked.on("timeout", () => asked.destroy(new Error(`${url} does not answer`)));
    asked.on("error", reject).end();
  });
}
