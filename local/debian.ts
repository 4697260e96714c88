// Installs a server from Debian's packages, once, when root runs this.
import { existsSync } from "node:fs";
import { Problem } from "../errors/problem.ts";
import type { Step } from "../toolchain/steps.ts";
import { isProgram, findOnPath, run } from "./programs.ts";
import type { Store } from "./store.ts";

const packages: Partial<
  Record<Store["name"], { readonly name: string; readonly service: string; readonly usually: string }>
> = {
  postgresql: { name: "postgresql", service: "postgresql", usually: "30 s" },
  gateway: { name: "nginx-light", service: "nginx", usually: "15 s" },
  redis: { name: "redis-server", service: "redis-server", usually: "15 s" },
};

/** The step that installs the store's program if it is missing; undefined for a store that Debian has no package of. */
export function installStep(store: Store): Step | undefined {
  const wanted = packages[store.name];
  if (wanted === undefined) return undefined;
  return {
    title: `Install ${store.title} (Debian package ${wanted.name})`,
    usually: wanted.usually,
    done: () => store.installed() !== undefined,
    run: (say) => install(store, wanted.name, wanted.service, say),
  };
}

async function install(store: Store, name: string, service: string, say: (line: string) => void): Promise<void> {
  const byHand = `sudo env RUNLEVEL=1 apt-get install --yes --no-install-recommends ${name}`;
  const aptGet = "/usr/bin/apt-get";
  if (!isProgram(aptGet)) {
    throw new Problem(
      "setup-failed",
      `${store.title} is not installed and this is no Debian: install ${store.program} with your system's package manager, then: npm run stores -- start`,
    );
  }
  if (process.getuid?.() !== 0)
    throw new Problem("setup-failed", `${store.title} is not installed, and only root can install it: ${byHand}`);
  const env = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C.UTF-8",
    DEBIAN_FRONTEND: "noninteractive",
    // The package must not start a server of its own.
    RUNLEVEL: "1",
    ...proxySettings(),
  };
  const options = { env, say };
  // Another apt-get may be at work: wait for it.
  const wait = ["-o", "DPkg::Lock::Timeout=300"];
  const line = { command: aptGet, args: [...wait, "install", "--yes", "--no-install-recommends", name] };
  try {
    // The lists may be missing, or name a version that is no longer served: then, and only then, fetch them.
    await run(line, options).catch(async () => {
      await run({ command: aptGet, args: [...wait, "update"] }, options);
      await run(line, options);
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new Problem(
      "setup-failed",
      `${store.title} could not be installed.\n${detail}\nRun it by hand to see more: ${byHand}`,
      {
        cause,
      },
    );
  }
  // systemd does not look at RUNLEVEL. The service was not there before this step, so nobody misses it.
  const systemctl = findOnPath("systemctl");
  if (existsSync("/run/systemd/system") && systemctl !== undefined) {
    await run({ command: systemctl, args: ["disable", "--now", service] }, options).catch(() => undefined);
  }
  if (store.installed() === undefined)
    throw new Problem("setup-failed", `${name} was installed, but there is no ${store.program}: ${byHand}`);
}

function proxySettings(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
