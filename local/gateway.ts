// The gateway: tenants reach Qdrant through it (gateway/nginx.ts says what of Qdrant), nginx at work.
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { gatewayConfiguration, type GatewayOptions, refusal } from "../gateway/nginx.ts";
import { Problem } from "../errors/problem.ts";
import { runAs, serviceAccount } from "./account.ts";
import { writePrivate } from "./files.ts";
import { answer } from "./http.ts";
import { cleanEnvironment, findOnPath, run } from "./programs.ts";
import { balancerConfiguration } from "./minio-balancer.ts";
import { balancerPort, nodePorts, type Ports } from "./settings.ts";
import type { Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

/** In front of one Qdrant. */
export const gateway: Store = gatewayTo((ports) => [{ rest: ports.qdrant, grpc: ports.qdrantGrpc }]);

/** In front of the nodes of a cluster; the same nginx is the balancer of the MinIO nodes. */
export const clusterGateway: Store = {
  ...gatewayTo(
    (ports) => [1, 2, 3].map((node) => nodePorts.qdrant(ports, node)),
    (ports) =>
      balancerConfiguration(
        loopback(balancerPort(ports)),
        [1, 2, 3, 4].map((node) => loopback(nodePorts.minio(ports, node))),
      ),
  ),
  title: "Qdrant gateway and MinIO balancer",
  listensOn: (ports) => [...gateway.listensOn(ports), balancerPort(ports)],
};

type Nodes = (ports: Ports) => readonly { readonly rest: number; readonly grpc: number }[];

/** @param beside more of nginx's configuration */
function gatewayTo(nodes: Nodes, beside: (ports: Ports) => string = () => ""): Store {
  return {
    name: "gateway",
    title: "Qdrant gateway",
    program: "nginx",
    install: "npm run stores -- start (as root), or: sudo apt-get install --no-install-recommends nginx-light",
    folder: (dir) => join(dir, "gateway"),
    workingFolder: (dir) => join(dir, "gateway"),
    listensOn: (ports) => [ports.gateway, ports.gatewayGrpc],
    url: (ports, tls) => `${tls ? "https" : "http"}://127.0.0.1:${ports.gateway}`,
    installed: () => findOnPath("nginx"),

    async prepare({ dir, ports, ca }) {
      const folder = join(dir, "gateway");
      const account = serviceAccount("www-data");
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      // nginx makes folders for large requests in it.
      if (account !== undefined) chownSync(folder, account.uid, account.gid);
      let tls: Tls = {};
      if (ca !== undefined) {
        const certificate = await ensureCertificate(dir, folder, account);
        const qdrantCa = join(certificate.folder, "ca.pem");
        writePrivate(qdrantCa, ca, account);
        tls = { certificate, qdrantCa, qdrantName: "localhost" };
      }
      writePrivate(join(folder, "nginx.conf"), configuration(ports, nodes(ports), tls, beside(ports)), account);
      const command = this.installed() ?? "nginx";
      return {
        line: runAs(account, [folder, command], command, ["-p", `${folder}/`, "-c", "nginx.conf", "-e", "stderr"]),
        env: cleanEnvironment(folder),
      };
    },

    async probe({ ports, ca }) {
      const { status, body } = await answer(`${this.url(ports, ca !== undefined)}/telemetry`, { ca });
      if (status !== 403 || !body.includes(refusal))
        throw new Problem("setup-failed", `the gateway lets /telemetry pass (HTTP ${status})`);
      const printed = await run(
        { command: this.installed() ?? "nginx", args: ["-v"] },
        { env: cleanEnvironment("/nonexistent") },
      );
      return /nginx\/(\S+)/.exec(printed)?.[1] ?? "unknown";
    },

    stopSignals: [{ signal: "SIGTERM", seconds: 10 }],
  };
}

function loopback(port: number): string {
  return `127.0.0.1:${port}`;
}

type Tls = Pick<GatewayOptions, "certificate" | "qdrantCa" | "qdrantName">;

// All that is not the gateway itself: one small nginx in a folder of its own.
function configuration(ports: Ports, nodes: ReturnType<Nodes>, tls: Tls, beside: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((module) => `    ${module}_temp_path ${module}_temp;\n`)
    .join("");
  return `# Written at every start by local/gateway.ts: changes here are lost.
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {
    worker_connections 1024;
}
http {
${temporary}${(
    gatewayConfiguration({
      listen: loopback(ports.gateway),
      listenGrpc: loopback(ports.gatewayGrpc),
      qdrant: nodes.map(({ rest }) => loopback(rest)).join(","),
      qdrantGrpc: nodes.map(({ grpc }) => loopback(grpc)).join(","),
      ...tls,
    }) + beside
  ).replace(/^(?=.)/gm, "    ")}}
`;
}
