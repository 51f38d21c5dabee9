// Verdaccio as a contestant: installed on demand into a git-ignored folder, configured to be at its best.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "./processes.ts";
import { type Contestant, logOf, type Place, versionOf } from "./servers.ts";

/** Installs Verdaccio 6 once below `cache` and gives it as a contestant. */
export function verdaccio(cache: string): Contestant {
  const dir = join(cache, "verdaccio");
  const home = join(dir, "node_modules/verdaccio");
  if (!existsSync(join(home, "package.json"))) install(dir);
  return {
    name: "Verdaccio",
    version: versionOf(home),
    launch(place) {
      const file = join(place.dir, "config.yaml");
      writeFileSync(file, configuration(place));
      const command = [
        process.execPath,
        join(home, "bin/verdaccio"),
        "-c",
        file,
        "-l",
        `127.0.0.1:${place.port}`,
      ];
      return startServer(command, logOf(place));
    },
    /** Readers are anonymous, which is Verdaccio's fastest way; publishers carry a JWT, not a password to hash. */
    async connect(place) {
      const registry = `http://127.0.0.1:${place.port}/`;
      const publishHeaders = { authorization: `Bearer ${await signUp(registry)}` };
      return { registry, readHeaders: {}, publishHeaders };
    },
  };
}

function install(dir: string): void {
  console.error("bench: installing Verdaccio 6 …");
  mkdirSync(dir, { recursive: true });
  // Some mirrors serve only the newest dist-tag of node-fetch, and Verdaccio asks for another.
  const overrides = { "node-fetch": "2.7.0" };
  writeFileSync(join(dir, "package.json"), JSON.stringify({ private: true, overrides }));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", ["install", "verdaccio@6", ...flags], { cwd: dir, stdio: "inherit", timeout: 300_000 });
}

function configuration({ dir, upstream }: Place): string {
  return `
storage: ${dir}/storage
auth: { htpasswd: { file: ${dir}/htpasswd } }
security: { api: { jwt: { sign: { expiresIn: 30d } } } }
uplinks: ${upstream ? `{ public: { url: "${upstream}", cache: true } }` : "{}"}
packages:
  "**": { access: $all, publish: $authenticated, unpublish: $authenticated${upstream ? ", proxy: public" : ""} }
max_body_size: 1gb
web: { enable: false }
log: { type: stdout, format: json, level: warn }
`;
}

/** Adds the user, or logs it in where it exists (a restart in the same place). */
async function signUp(registry: string): Promise<string> {
  const url = new URL("-/user/org.couchdb.user:bench", registry);
  const user = { name: "bench", password: "bench-password" };
  const basic = Buffer.from(`${user.name}:${user.password}`).toString("base64");
  const headers = { "content-type": "application/json" };
  const put = (more: Record<string, string>) =>
    fetch(url, { method: "PUT", headers: { ...headers, ...more }, body: JSON.stringify(user) });
  let response = await put({});
  if (response.status === 409) response = await put({ authorization: `Basic ${basic}` });
  const { token }: { token?: string } = JSON.parse(await response.text());
  if (!token) throw new Error(`no token: ${response.status}`);
  return token;
}
