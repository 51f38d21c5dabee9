// nginx in front of nodes, as deploy/nginx sets it but for TLS, with one worker.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "./processes.ts";
import { type Contestant, logOf, type Place, type Server } from "./servers.ts";

const site = join(import.meta.dirname, "../deploy/nginx/portcullis.conf");

/** Before the nodes on these ports; `node` is one of them: its token holds for all. */
export function balancer(version: string, ports: number[], node: Server, cpus: string): Contestant {
  return {
    name: "nginx",
    version,
    launch(place) {
      const file = join(place.dir, "nginx.conf");
      writeFileSync(file, configuration(place, ports));
      return startServer(["nginx", "-e", logOf(place), "-p", place.dir, "-c", file], logOf(place), {}, cpus);
    },
    connect: async (place) => ({
      registry: node.registry.replace(/:\d+\//, `:${place.port}/`),
      readHeaders: node.readHeaders,
      publishHeaders: node.publishHeaders,
    }),
  };
}

function configuration({ dir, port }: Place, ports: number[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const server = readFileSync(site, "utf8")
    .replace(/^server \{[^}]*return 308[^}]*\}/m, "")
    .replace("listen 443 ssl;", `listen 127.0.0.1:${port};`)
    .replace(/^ *ssl_.*;$/gm, "");
  return `
daemon off; worker_processes 1; pid ${dir}/nginx.pid; ${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 512; }
http {
  ${temporary.map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(" ")}
  access_log off; keepalive_requests 100000000;
  upstream portcullis { least_conn; ${ports.map((node) => `server 127.0.0.1:${node};`).join(" ")} keepalive 64; }
  ${server}
}
`;
}
