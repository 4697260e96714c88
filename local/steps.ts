// The local stores as set-up steps: for `stores start`, and for the demo's and the tests' own list of steps.
import type { Step } from "../toolchain/steps.ts";
import { installStep } from "./debian.ts";
import { allReady, chosen, startStores } from "./lifecycle.ts";
import { settingsOf, type StoresOptions } from "./settings.ts";

/** Installs the servers that Debian has packages of, where they are missing. */
export function installSteps(options: StoresOptions = {}): Step[] {
  return chosen(settingsOf(options)).flatMap((store) => installStep(store) ?? []);
}

/** Installs what is missing, then starts the stores. Done in milliseconds when they run. */
export function storesSteps(options: StoresOptions = {}): Step[] {
  const settings = settingsOf(options);
  const titles = chosen(settings).map(({ title }) => title);
  return [
    ...installSteps(settings),
    {
      title: `Start ${titles.join(", ")}`,
      usually: "5 s",
      done: () => allReady(settings),
      run: async (say) => {
        await startStores({ ...settings, say });
      },
    },
  ];
}
