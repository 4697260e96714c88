// The balancer in front of the nodes of MinIO, as nginx's configuration: clients know one address, and it outlives any node.

/**
 * To be included in nginx's `http` block.
 * @param listen `host:port`
 * @param nodes `host:port` of each
 */
export function balancerConfiguration(listen: string, nodes: readonly string[]): string {
  return `upstream minio {
${nodes.map((node) => `    server ${node} max_fails=1 fail_timeout=5s;\n`).join("")}}

server {
    listen ${listen};
    server_tokens off;
    access_log off;
    # MinIO's own limits hold, for headers too.
    client_max_body_size 0;
    ignore_invalid_headers off;
    location / {
        # Without a path: the request's own goes on, unchanged. It is signed, and so is the Host header.
        proxy_pass http://minio;
        proxy_set_header Host $http_host;
        proxy_http_version 1.1;
        # MinIO closes some connections after a refusal, without saying so: the next request on it would be lost.
        proxy_set_header Connection close;
        # Objects pass through, in either direction; none is written down here first.
        proxy_request_buffering off;
        proxy_buffering off;
        # The next node, unless a part of the object has been sent: 503 is a node that has just started, or lost the others.
        proxy_connect_timeout 5s;
        proxy_next_upstream error timeout http_503;
        proxy_read_timeout 300s;
        proxy_send_timeout 300s;
    }
}
`;
}
