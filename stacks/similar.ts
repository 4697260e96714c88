// What somebody may have meant who mistyped a word.

/** The words at most two changes away from `word` (one when it is short), nearest first. */
export function similar(word: string, words: readonly string[]): string[] {
  const limit = word.length < 4 ? 1 : 2;
  return words
    .map((other) => ({ other, changes: distance(word.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, changes }) => changes <= limit || other.startsWith(word))
    .sort((one, two) => one.changes - two.changes)
    .slice(0, 3)
    .map(({ other }) => other);
}

/** Levenshtein's distance: letters to insert, delete or replace. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [done, letter] of [...from].entries()) {
    const next = [done + 1];
    for (const [index, wanted] of [...to].entries()) {
      const replaced = (row[index] ?? 0) + (letter === wanted ? 0 : 1);
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
