// Clients and peers, installed on demand at exact versions into a cache folder that git ignores.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Skip } from "../checks.ts";
import { plainEnv, plainPath, run } from "../processes.ts";
import { projectRoot } from "../server.ts";

export const cacheFolder =
  process.env.PORTCULLIS_CONFORMANCE_CACHE ?? join(projectRoot, "node_modules/.cache/portcullis-conformance");

const attempts = new Map<string, Promise<string>>();

/** Installs one package (`npm@11.21.2`) from the machine's own registry, once; gives its node_modules. Throws Skip. */
export function installed(spec: string, overrides: Record<string, string> = {}): Promise<string> {
  const attempt = attempts.get(spec) ?? install(spec, overrides);
  attempts.set(spec, attempt);
  return attempt;
}

async function install(spec: string, overrides: Record<string, string>): Promise<string> {
  const folder = join(cacheFolder, spec.replaceAll("/", "+"));
  const done = join(folder, "installed");
  if (existsSync(done)) return join(folder, "node_modules");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, overrides }));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const env = { ...plainEnv(), PATH: `${nodeFolder}:${plainPath()}` };
  const result = await run(["npm", "install", spec, ...flags], { cwd: folder, env, timeoutMs: 300_000 });
  if (result.code !== 0) throw new Skip(`${spec} cannot be installed: ${lastLine(result.output)}`);
  writeFileSync(done, "");
  return join(folder, "node_modules");
}

/** The folder of the Node that runs the suites, which is the one that the project pins. */
export const nodeFolder = join(process.execPath, "..");

export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
