// npm run -s gateway -- --qdrant HOST:PORT …: the gateway's nginx configuration, for a deployment of your own.
import { Command } from "commander";
import { errorOutput, showError } from "../cli/errors.ts";
import { withManners } from "../cli/manners.ts";
import { Problem } from "../errors/problem.ts";
import { gatewayConfiguration } from "./nginx.ts";

interface Options {
  readonly qdrant: string;
  readonly qdrantGrpc: string;
  readonly listen: string;
  readonly listenGrpc: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly qdrantCa?: string;
  readonly qdrantName?: string;
}

const program = withManners(new Command("npm run -s gateway --"))
  .description("Prints the configuration of the gateway in front of Qdrant, for nginx's http block (1.22 or later)")
  .requiredOption(
    "--qdrant <host:port>",
    "Qdrant's REST interface (of a cluster all nodes': HOST:PORT,HOST:PORT…); tenants must not reach it any other way",
  )
  .requiredOption("--qdrant-grpc <host:port>", "Qdrant's gRPC interface, of all nodes alike")
  .option("--listen <address>", "where tenants reach REST, as nginx's `listen`", "6335")
  .option("--listen-grpc <address>", "where tenants reach gRPC, as nginx's `listen`", "6336")
  .option("--certificate <file>", "TLS towards tenants: PEM, absolute path")
  .option("--key <file>", "its private key: PEM, absolute path")
  .option("--qdrant-ca <file>", "TLS towards Qdrant: PEM of the CA that signed its certificate, absolute path")
  .option("--qdrant-name <name>", "the name in Qdrant's certificate, where --qdrant is an address")
  .addHelpText(
    "after",
    `
Example: npm run -s gateway -- --qdrant 10.0.0.5:6333 --qdrant-grpc 10.0.0.5:6334 > /etc/nginx/conf.d/qdrant.conf`,
  )
  .action(({ certificate, key, ...options }: Options) => {
    if ((certificate === undefined) !== (key === undefined))
      throw new Problem("usage", "--certificate and --key go together");
    const tls = certificate === undefined || key === undefined ? {} : { certificate: { certificate, key } };
    process.stdout.write(gatewayConfiguration({ ...options, ...tls }));
  });

try {
  await program.parseAsync();
} catch (error) {
  showError("gateway", error, errorOutput(process.argv));
  process.exitCode = 1;
}
