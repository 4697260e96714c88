// What is said when MinIO is unavailable.
import { expect, it } from "vitest";
import { minioReason } from "../../providers/clients/minio.ts";

it.each([
  [
    "Request failed after 1 retries: Error: Retryable HTTP status: 503",
    "MinIO answers HTTP 503: too few of its nodes are there, or it is starting. Start what is down, then run it again",
  ],
  ["Request failed after 1 retries: Error: Retryable HTTP status: 429", undefined],
  ["Access Denied.", undefined],
])("%s", (message, said) => {
  expect(minioReason(message)).toBe(said ?? message);
});
