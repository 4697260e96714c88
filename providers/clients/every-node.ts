// The same on every server of a store that is several.

/**
 * Does it on all at once, and waits for all of them.
 * @param kind what they are, for messages: "Redis node"
 * @throws Error with the reason of each server on which it failed; the only server's own
 */
export async function onEvery<N extends { readonly name: string }, T>(
  kind: string,
  nodes: readonly N[],
  work: (node: N, index: number) => Promise<T>,
): Promise<T[]> {
  const settled = await Promise.allSettled(nodes.map(work));
  const failures = settled.flatMap((one, index) =>
    one.status === "rejected" ? [{ node: nodes[index]?.name, error: one.reason as Error }] : [],
  );
  const [first] = failures;
  if (first === undefined) return settled.map((one) => (one as PromiseFulfilledResult<T>).value);
  if (nodes.length === 1) throw first.error;
  const reasons = failures.map(({ node, error }) => `${kind} ${node}: ${error.message}`);
  throw new Error(reasons.join("; "), { cause: new AggregateError(failures.map(({ error }) => error)) });
}
