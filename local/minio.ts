// MinIO: objects.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { get } from "./http.ts";
import { cleanEnvironment, findOnPath, run } from "./programs.ts";
import type { Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

/** With one folder for its data. */
export const minio: Store = {
  name: "minio",
  title: "MinIO",
  program: "minio",
  install: "npm run toolchain",
  folder: (dir) => join(dir, "minio"),
  workingFolder: (dir) => join(dir, "minio"),
  listensOn: (ports) => [ports.minio],
  url: (ports, tls) => `${tls ? "https" : "http"}://127.0.0.1:${ports.minio}`,
  installed: () => findOnPath("minio"),

  async prepare({ dir, ports, credentials, ca }) {
    const folder = join(dir, "minio");
    mkdirSync(join(folder, "data"), { recursive: true, mode: 0o700 });
    // With a certificate in that folder it speaks TLS and nothing else.
    const tls = ca === undefined ? [] : ["--certs-dir", (await ensureCertificate(dir, folder)).folder];
    return {
      line: {
        command: this.installed() ?? "minio",
        // Quiet: the banner is no news, and it names the root user.
        args: ["server", "--quiet", "--address", `127.0.0.1:${ports.minio}`, ...tls, "data"],
      },
      env: {
        // Its home too: MinIO makes a folder for certificates there.
        ...cleanEnvironment(folder),
        MINIO_ROOT_USER: credentials.minio.user,
        MINIO_ROOT_PASSWORD: credentials.minio.password,
        // Without a key SSE-S3 fails, and buckets stay unencrypted with it.
        MINIO_KMS_SECRET_KEY: credentials.minio.kmsSecretKey,
        // The console would let a tenant log in.
        MINIO_BROWSER: "off",
        // What a bucket holds is counted all the time, not once a minute: a quota is enforced within seconds.
        MINIO_SCANNER_SPEED: "fastest",
        // Parts of unfinished uploads count in no quota; an upload has this long to be finished.
        MINIO_API_STALE_UPLOADS_EXPIRY: "6h",
        MINIO_API_STALE_UPLOADS_CLEANUP_INTERVAL: "30m",
        // It neither looks for updates nor calls home.
        MINIO_UPDATE: "off",
        MINIO_CALLHOME_ENABLE: "off",
      },
    };
  },

  async probe({ ports, credentials, ca }) {
    // Listening comes before the users are loaded: `cluster` answers after.
    await get(`${this.url(ports, ca !== undefined)}/minio/health/cluster`, { ca });
    const { Client } = await import("minio");
    const client = new Client({
      endPoint: "127.0.0.1",
      port: ports.minio,
      useSSL: ca !== undefined,
      accessKey: credentials.minio.user,
      secretKey: credentials.minio.password,
      // Our own loop tries again; the client's back-off would only slow it.
      retryOptions: { disableRetry: true },
    });
    client.setRequestOptions({ ca });
    await client.listBuckets();
    const printed = await run(
      { command: this.installed() ?? "minio", args: ["--version"] },
      { env: cleanEnvironment("/nonexistent") },
    );
    return /^minio version (\S+)/m.exec(printed)?.[1] ?? "unknown";
  },

  stopSignals: [{ signal: "SIGTERM", seconds: 15 }],
};

/** The drives of the erasure-coded one: any can be lost. */
export const drives = ["data-1", "data-2", "data-3", "data-4"] as const;

/**
 * With four drives, erasure-coded as in MinIO's distributed mode. Not four servers: in a container MinIO waits for ever for
 * an address that is not the loopback's (measured).
 */
export const erasureCoded: Store = {
  ...minio,
  title: "MinIO (4 drives)",
  async prepare(site) {
    const { line, env } = await minio.prepare.call(this, site);
    const folder = this.folder(site.dir);
    for (const drive of drives) mkdirSync(join(folder, drive), { recursive: true, mode: 0o700 });
    return {
      line: { ...line, args: [...line.args.filter((arg) => arg !== "data"), ...drives] },
      // Otherwise it takes no two drives that are folders of the system's own disk.
      env: { ...env, MINIO_CI_CD: "on" },
    };
  },
};
