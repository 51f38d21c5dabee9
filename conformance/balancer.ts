// nginx in front of several nodes, with the very configuration that deploy/ hands out.
import type { ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./checks.ts";
import { plainEnv, start, stop } from "./processes.ts";
import { projectRoot, tail } from "./server.ts";
import { send } from "./wire.ts";

export interface Balancer {
  stop(): Promise<void>;
}

/** Serves `port` of 127.0.0.1 from the nodes at these ports; resolves once it answers. */
export async function startBalancer(
  folder: string,
  port: number,
  nodes: readonly number[],
): Promise<Balancer> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "nginx.conf");
  const log = join(folder, "nginx.log");
  writeFileSync(file, configuration(folder, port, nodes));
  const child = start(["nginx", "-e", log, "-p", folder, "-c", file], log, plainEnv());
  await answers(child, port, log);
  return { stop: () => stop(child) };
}

async function answers(child: ChildProcess, port: number, log: string): Promise<void> {
  await eventually("nginx answers", 10_000, async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended:\n${tail(log)}`);
    return send(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
  });
}

/** As deploy/nginx/portcullis.conf has it, less what is about TLS and names. */
function configuration(folder: string, port: number, nodes: readonly number[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const servers = nodes.map((node) => `server 127.0.0.1:${node} max_fails=1 fail_timeout=1s;`);
  return `
daemon off; worker_processes 1; pid ${folder}/nginx.pid; ${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 2048; }
http {
  ${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")}
  access_log off;
  upstream portcullis {
    ${servers.join("\n    ")}
    keepalive 64;
    keepalive_timeout 50s;
  }
  ${deployed().replace("listen 443 ssl;", `listen 127.0.0.1:${port};`)}
}
`;
}

/** The server that speaks TLS there, without its certificate. */
function deployed(): string {
  const text = readFileSync(join(projectRoot, "deploy/nginx/portcullis.conf"), "utf8");
  const server = text.slice(text.lastIndexOf("\nserver {"));
  if (!server.includes("listen 443 ssl;"))
    throw new Error("deploy/nginx/portcullis.conf has no server on 443");
  return server.replace(/^ *(ssl_|server_name ).*$/gm, "");
}
