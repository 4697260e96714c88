// Deals the tenants of `tenant list --json` (standard input) over at most so many jobs: prints `shards=["acme globex", …]`, an output of a
// workflow's step. A matrix of GitHub has 256 jobs at most; tenants there may be more of.
import { text } from "node:stream/consumers";

const machines = Number(process.argv[2]);
if (!Number.isInteger(machines) || machines < 1 || machines > 20) {
  throw new Error(`the number of jobs must be from 1 to 20, and is ${JSON.stringify(process.argv[2])}`);
}
const ids = JSON.parse(await text(process.stdin))
  .filter(({ status }) => status !== "incomplete")
  .map(({ id }) => id);
const shards = Array.from({ length: Math.min(machines, ids.length) }, (_, shard) =>
  ids.filter((_, index) => index % machines === shard).join(" "),
);
console.log(`shards=${JSON.stringify(shards)}`);
