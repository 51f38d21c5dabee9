// Verdaccio as a real public registry on loopback, which a suite can fill, stop and start again.
import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./checks.ts";
import type { Registry } from "./clients/client.ts";
import { installed } from "./clients/installed.ts";
import { type PackageSpec, publishBody } from "./packages.ts";
import { freePort, hasEnded, plainEnv, start, stop } from "./processes.ts";
import { send } from "./wire.ts";

export interface Verdaccio extends Registry {
  publish(spec: PackageSpec): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again on the same address with what it held. */
  restart(): Promise<void>;
}

/** Installs Verdaccio where needed and starts it, empty, in `folder`. Throws Skip when it cannot be had. */
export async function startVerdaccio(folder: string): Promise<Verdaccio> {
  // Some mirrors serve only the newest dist-tag of node-fetch, and Verdaccio asks for another.
  const modules = await installed("verdaccio@6.10.4", { "node-fetch": "2.7.0" });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "config.yaml");
  writeFileSync(file, configuration(folder));
  const bin = join(modules, "verdaccio/bin/verdaccio");
  const launch = async (): Promise<ChildProcess> => {
    const command = [process.execPath, bin, "-c", file, "-l", `127.0.0.1:${port}`];
    const child = start(command, join(folder, "verdaccio.log"), plainEnv());
    await eventually("Verdaccio answers", 60_000, async () => {
      if (hasEnded(child)) throw new Error(`Verdaccio ended; see ${folder}`);
      const answer = await send(`${url}-/ping`).catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    });
    return child;
  };
  let child = await launch();
  const token = await signUp(url);
  return {
    url,
    token,
    async publish(spec) {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const { body } = await publishBody(spec, url);
      const address = `${url}${spec.name.replace("/", "%2f")}`;
      const { status, text } = await send(address, { method: "PUT", headers, body });
      if (status !== 201) throw new Error(`Verdaccio refused ${spec.name}: ${status} ${text}`);
    },
    stop: () => stop(child),
    async restart() {
      child = await launch();
    },
  };
}

function configuration(folder: string): string {
  return `
storage: ${folder}/storage
auth: { htpasswd: { file: ${folder}/htpasswd } }
uplinks: {}
packages:
  "**": { access: $all, publish: $authenticated, unpublish: $authenticated }
max_body_size: 500mb
web: { enable: false }
log: { type: stdout, format: json, level: warn }
`;
}

async function signUp(registry: string): Promise<string> {
  const url = `${registry}-/user/org.couchdb.user:conformance`;
  const body = Buffer.from(JSON.stringify({ name: "conformance", password: "conformance-password" }));
  const { text } = await send(url, { method: "PUT", headers: { "content-type": "application/json" }, body });
  const { token }: { token?: string } = JSON.parse(text);
  if (token === undefined) throw new Error(`Verdaccio gave no token: ${text}`);
  return token;
}
