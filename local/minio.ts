// MinIO: objects.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { get } from "./http.ts";
import { cleanEnvironment, findOnPath, run } from "./programs.ts";
import { nodePorts, type Ports } from "./settings.ts";
import type { Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

/** The one server, with one folder for its data. */
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
    const folder = this.folder(dir);
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
        // `fastest` counts what a bucket holds all the time, not once a minute: a quota is enforced within seconds, for a
        // tenth of a core and more with every bucket.
        MINIO_SCANNER_SPEED: process.env["MINIO_SCANNER_SPEED"] || "default",
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

const nodeNames = ["minio", "minio-2", "minio-3", "minio-4"] as const;

/**
 * A node of a cluster: four with a drive each, erasure-coded over all of them. Without any one of them the others read and write.
 * The nodes talk on the port that clients use.
 */
function node(name: (typeof nodeNames)[number], number: number): Store {
  const port = (ports: Ports) => nodePorts.minio(ports, number);
  return {
    ...minio,
    name,
    title: `MinIO node ${number}`,
    folder: (dir) => join(dir, name),
    workingFolder: (dir) => join(dir, name),
    listensOn: (ports) => [port(ports)],
    url: (ports) => `http://127.0.0.1:${port(ports)}`,
    async prepare(site) {
      const { line, env } = await minio.prepare.call(this, {
        ...site,
        ports: { ...site.ports, minio: port(site.ports) },
      });
      const drives = nodeNames.map((of, index) => {
        const folder = pathToFileURL(join(site.dir, of, "data")).pathname;
        return `http://127.0.0.1:${nodePorts.minio(site.ports, index + 1)}${folder}`;
      });
      return {
        line: { ...line, args: [...line.args.filter((arg) => arg !== "data"), ...drives] },
        env: {
          ...env,
          // Otherwise it takes no drive that is a folder of the system's own disk.
          MINIO_CI_CD: "on",
          // Which of them it is: in a container it would look for an address that is not the loopback's, for ever.
          _MINIO_SERVER_LOCAL: `127.0.0.1:${port(site.ports)}`,
        },
      };
    },
    probe: (site) => minio.probe({ ...site, ports: { ...site.ports, minio: port(site.ports) } }),
  };
}

export const minioNodes = {
  minio: node("minio", 1),
  "minio-2": node("minio-2", 2),
  "minio-3": node("minio-3", 3),
  "minio-4": node("minio-4", 4),
};
