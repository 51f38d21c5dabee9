// nginx as a bound, not a competitor: one worker that serves the same bytes as files, with no rules and no lookup.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { has, startServer } from "./processes.ts";
import { type Contestant, logOf, type Place } from "./servers.ts";

/** nginx, or undefined where it is not installed. */
export function nginx(): Contestant | undefined {
  if (!has("nginx")) return undefined;
  const version = /nginx\/(\S+)/.exec(execFileSync("sh", ["-c", "nginx -v 2>&1"], { encoding: "utf8" }))?.[1];
  return {
    name: "nginx",
    version: version ?? "?",
    launch(place) {
      const file = join(place.dir, "nginx.conf");
      mkdirSync(join(place.dir, "www"), { recursive: true });
      writeFileSync(file, configuration(place));
      return startServer(["nginx", "-e", logOf(place), "-p", place.dir, "-c", file], logOf(place));
    },
    connect: async (place) => ({
      registry: `http://127.0.0.1:${place.port}/`,
      readHeaders: {},
      publishHeaders: {},
    }),
  };
}

/** Puts a captured answer where nginx serves it as `/{file}`; a gzip answer also as the `.gz` that gzip_static takes. */
export function offer(place: Place, file: string, body: Buffer, encoding: string | undefined): void {
  const path = join(place.dir, "www", file);
  mkdirSync(join(place.dir, "www"), { recursive: true });
  if (encoding === "gzip") writeFileSync(`${path}.gz`, body);
  writeFileSync(path, encoding === "gzip" ? gunzipSync(body) : body);
}

function configuration({ dir, port }: Place): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off; worker_processes 1; pid ${dir}/nginx.pid; ${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 512; }
http {
  ${temporary.map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(" ")}
  access_log off; sendfile on; gzip_static on; keepalive_requests 100000000; default_type application/json;
  server { listen 127.0.0.1:${port}; root ${dir}/www; }
}
`;
}
