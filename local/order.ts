// Starting servers, of which some join others.
import type { Store } from "./store.ts";

/** Does it for all at once, for a server that joins another when that one is done, or has failed. */
export function inOrder(dir: string, all: readonly Store[], work: (store: Store) => Promise<void>): Promise<void>[] {
  const begun = new Map<Store["name"], Promise<void>>();
  const begin = (store: Store): Promise<void> => {
    const awaited = store.after?.(dir);
    const first = all.find(({ name }) => name === awaited);
    const going = begun.get(store.name) ?? (first === undefined ? work(store) : after(begin(first), () => work(store)));
    begun.set(store.name, going);
    return going;
  };
  return all.map(begin);
}

async function after(first: Promise<void>, next: () => Promise<void>): Promise<void> {
  await first.catch(() => undefined);
  await next();
}
