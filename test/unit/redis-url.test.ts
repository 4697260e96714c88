// REDIS_URL: which servers it names, and what is said of one that names none.
import { describe, expect, it } from "vitest";
import { formatRedisUrl, parseRedisUrl } from "../../providers/clients/redis-url.ts";

const at = (host: string, port: number) => ({ host, port });

it.each([
  ["redis://a:b@127.0.0.1", [at("127.0.0.1", 6379)], undefined],
  ["redis://a:b@cache.example:6380/", [at("cache.example", 6380)], undefined],
  ["redis://a:b@cache.example/0", [at("cache.example", 6379)], undefined],
  ["rediss://a:b@[::1]:6380", [at("::1", 6380)], undefined],
  ["redis://a:b@n1:7000,n2,[fd00::3]:7002", [at("n1", 7000), at("n2", 6379), at("fd00::3", 7002)], undefined],
  ["redis+sentinel://a:b@s1,s2:26380/main", [at("s1", 26379), at("s2", 26380)], "main"],
  ["rediss+sentinel://a:b@s1/main.eu-1", [at("s1", 26379)], "main.eu-1"],
])("%s", (text, addresses, master) => {
  const location = parseRedisUrl(text);
  expect(location.addresses).toEqual(addresses);
  expect(location.master).toBe(master);
  expect([location.url.username, location.url.password]).toEqual(["a", "b"]);
  expect(location.url.protocol).toBe(text.startsWith("rediss") ? "rediss:" : "redis:");
});

describe("what is no such URL says why, and nothing secret", () => {
  it.each([
    ["redis//a:hunter2@h", "is not redis://USER:PASSWORD@HOST:PORT for a server, redis://"],
    ["http://a:hunter2@h", "is not redis://"],
    ["redis+cluster://a:hunter2@h", "is not redis://"],
    ["redis://a:hunter2@", "is malformed: address 1 of 1, or the name and password before it"],
    ["redis://a:hunter2@h:port", "is malformed: address 1 of 1"],
    ["redis://a:hunter2@h:1,:2", "is malformed: address 2 of 2"],
    ["redis://a:hunter2@h:1,h:66000", "is malformed: address 2 of 2"],
    ["redis://a:hunter2@h/1", "names a database: tenants are in database 0"],
    ["redis+sentinel://a:hunter2@h", "names sentinels and no master"],
    ["redis+sentinel://a:hunter2@h/a/b", "names sentinels and no master"],
    ["redis://a:hunter2@h?db=1", "is not redis://"],
  ])("%s", (text, problem) => {
    let message = "it was accepted";
    try {
      parseRedisUrl(text);
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toContain(problem);
    expect(message).not.toContain("hunter2");
  });
});

it.each([
  ["redis://a:b@127.0.0.1:6379", "redis://t:p%2F%40@127.0.0.1:6379", "redis://127.0.0.1:6379"],
  ["rediss://a:b@n1:1,n2:2", "rediss://t:p%2F%40@n1:1,n2:2", "rediss://n1:1,n2:2"],
  [
    "redis+sentinel://a:b@[::1]/main",
    "redis+sentinel://t:p%2F%40@[::1]:26379/main",
    "redis+sentinel://[::1]:26379/main",
  ],
])("for a tenant, %s keeps its form", (text, own, bare) => {
  const location = parseRedisUrl(text);
  expect(formatRedisUrl(location, { user: "t", password: "p/@" })).toBe(own);
  expect(formatRedisUrl(location)).toBe(bare);
  // What is handed out is read again.
  expect(parseRedisUrl(own).addresses).toEqual(location.addresses);
});
