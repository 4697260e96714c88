// MinIO of four nodes: what each node answers a tenant, and what one that was down meanwhile knows.
import { tenantNames } from "../../components/names.ts";
import { minioClient, s3Code } from "../../providers/clients/minio.ts";
import { servers } from "../../providers/clients/servers.ts";
import { nodePorts } from "../../local/settings.ts";
import { until } from "../support/redis-lab.ts";
import { connectionFor, stores } from "./world.ts";

/** The nodes, each at its own address. */
export const minioNodes = () =>
  ([1, 2, 3, 4] as const).map((number) => ({
    name: `MinIO node ${number}`,
    endpoint: new URL(`http://127.0.0.1:${nodePorts.minio(stores.ports, number)}`),
  }));

/** What every node answers the tenant that lists a tenant's bucket: `OK`, or S3's code. */
export async function minioAnswers(id: string, of: string = id): Promise<string[]> {
  const { access_key: user, secret_key: password } = (await connectionFor(id)).minio;
  const ask = async (endpoint: URL): Promise<string> => {
    const client = await minioClient({ minio: { ...servers().minio, endpoint } }, { user, password });
    try {
      for await (const _ of client.listObjectsV2(tenantNames(of).bucket, "", true));
      return "OK";
    } catch (error) {
      return s3Code(error) ?? String(error);
    }
  };
  return Promise.all(minioNodes().map(({ endpoint }) => ask(endpoint)));
}

/**
 * Waits until every node lets the tenant in: one that was just started may need some seconds to know whoever is new, and refuses
 * them until then.
 */
export async function everyMinioNodeKnows(id: string): Promise<void> {
  const know = async (): Promise<boolean> => (await minioAnswers(id)).every((answer) => answer === "OK");
  await until(`every MinIO node knows ${id}`, know, 120);
}
