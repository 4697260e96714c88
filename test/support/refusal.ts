// What somebody is told whose request is refused.

/** The message of the error that `work` throws. @throws Error when it throws none */
export function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was accepted");
}
