// The local stores as clusters, a copy of the program and a platform on them, for the tests of one file.
import { join } from "node:path";
import { rmSync } from "node:fs";
import type { Connection } from "../../cli/connection.ts";
import { environment } from "../../local/environment.ts";
import { resetStores, startStores, statusStores } from "../../local/lifecycle.ts";
import { whoListens } from "../../local/listeners.ts";
import { clusterPortsAt, type Ports, type StoreName } from "../../local/settings.ts";
import { localDir } from "../../toolchain/paths.ts";
import { makeCheckout } from "../support/checkout.ts";
import { platformUp } from "../support/platform.ts";
import { run } from "../support/pulumi.ts";

const folder = join(localDir, "test", "cluster");
export const stores = { cluster: true, dir: join(folder, "stores"), ports: freePorts() } as const;

/** A block of ports that nobody uses now: the tests of another checkout may run at the same time. */
function freePorts(): Ports {
  const start = Math.floor(Math.random() * 30);
  for (let step = 0; step < 30; step += 1) {
    const offset = 200 + 64 * ((start + step) % 30);
    const ports = clusterPortsAt(offset);
    if (Array.from({ length: 64 }, (_, index) => ports.minio + index).every((port) => whoListens(port) === undefined)) {
      return ports;
    }
  }
  throw new Error("no free ports for clusters from 12200 on");
}

/** Starts the clusters anew, and points everything in this process at them. */
export async function openWorld(): Promise<void> {
  await resetStores(stores);
  rmSync(folder, { recursive: true, force: true });
  const [checkout] = await Promise.all([makeCheckout(join(folder, "checkout")), startStores(stores)]);
  for (const name of ["TENANT_SECRETS_DIR", "TENANT_AUDIT_DIR", "TENANT_OUTBOX_DIR"]) delete process.env[name];
  Object.assign(process.env, environment(stores), {
    TENANT_TEST_CHECKOUT: checkout,
    TENANT_OUTBOX_DIR: join(folder, "outbox"),
  });
  await platformUp();
}

export async function closeWorld(): Promise<void> {
  await resetStores(stores);
}

/** Kills a server, as a machine that loses its power does. */
export async function kill(name: StoreName): Promise<void> {
  const [status] = await statusStores({ ...stores, only: [name] });
  if (status?.pid === undefined) throw new Error(`${name} does not run`);
  process.kill(status.pid, "SIGKILL");
}

/** Starts what was killed, and waits until it answers. */
export async function revive(name: StoreName): Promise<void> {
  await startStores({ ...stores, only: [name] });
}

/** How an application of the tenant connects. */
export async function connectionFor(id: string): Promise<Connection> {
  const { stdout } = await run(process.execPath, ["cli/tenant.ts", "credentials", id, "--format", "json"]);
  return JSON.parse(stdout) as Connection;
}
