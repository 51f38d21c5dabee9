// `aws codeartifact login` for pip and twine: a package goes up with twine and comes down with pip, in a fresh HOME.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { createDomain } from "../api.ts";
import { Skip } from "../checks.ts";
import { cacheFolder, lastLine } from "../clients/installed.ts";
import { awsEnv, awsPython } from "../clients/python.ts";
import { plainEnv, plainPath, type Result, run, succeeded } from "../processes.ts";
import type { Target } from "../server.ts";
import type { Stage } from "../suite.ts";

export async function pythonLogin({ checks, folder }: Stage, target: Target): Promise<void> {
  const domain = await createDomain(target);
  await domain.createRepository({ name: "team" });
  const team = ["--domain", domain.name, "--repository", "team"];
  const home = join(folder, "python-home");
  mkdirSync(home, { recursive: true });
  await checks.check(
    "aws codeartifact login --tool twine and --tool pip: twine uploads, pip installs",
    async () => {
      const twine = await twineFolder();
      const env = { ...awsEnv(target, home), PATH: `${twine}:${plainPath()}`, PIP_NO_CACHE_DIR: "1" };
      const python = await awsPython();
      const login = (tool: string) =>
        run([python, "-m", "awscli", "codeartifact", "login", "--tool", tool, ...team], { cwd: home, env });
      assert.match(succeeded(await login("twine")).output, /Successfully configured twine/);
      assert.match(succeeded(await login("pip")).output, /Successfully configured pip/);
      const written = readFileSync(join(home, ".pypirc"), "utf8");
      const named = /^repository ?[:=] ?\S+\/pypi\/\S+\/team\/$/m.test(written);
      assert.ok(named, ".pypirc does not name the repository");
      const wheel = writeWheel(home, "after-login", "1.0.0");
      const upload = ["upload", "--non-interactive", "--repository", "codeartifact", wheel];
      succeeded(await run([join(twine, "twine"), ...upload], { cwd: home, env }));
      succeeded(await pip(join(twine, "python3"), home, env));
      assert.equal(readFileSync(join(home, "site/after_login.py"), "utf8"), "said = 'after-login 1.0.0'\n");
    },
  );
}

/** Installs into a folder of its own with what the login wrote, and nothing that the machine's own pip is set to. */
function pip(python: string, home: string, env: NodeJS.ProcessEnv): Promise<Result> {
  const flags = ["--target", join(home, "site"), "--no-deps", "--disable-pip-version-check"];
  return run([python, "-m", "pip", "install", ...flags, "after-login==1.0.0"], { cwd: home, env });
}

/** A virtual environment with twine and pip, made once. */
async function twineFolder(): Promise<string> {
  const folder = join(cacheFolder, "twine");
  const bin = join(folder, "bin");
  if (existsSync(join(bin, "twine"))) return bin;
  mkdirSync(cacheFolder, { recursive: true });
  const env = { ...plainEnv(), PATH: plainPath() };
  for (const command of [
    ["python3", "-m", "venv", folder],
    [join(bin, "python3"), "-m", "pip", "install", "--quiet", "twine==6.2.0"],
  ]) {
    const result = await run(command, { cwd: cacheFolder, env, timeoutMs: 300_000 });
    if (result.code !== 0) throw new Skip(`twine cannot be had: ${lastLine(result.output)}`);
  }
  return bin;
}

/** A wheel of one module, made by hand (PEP 427). */
function writeWheel(folder: string, name: string, version: string): string {
  const module = name.replaceAll("-", "_");
  const info = `${module}-${version}.dist-info`;
  const files: Record<string, string> = {
    [`${module}.py`]: `said = '${name} ${version}'\n`,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]:
      "Wheel-Version: 1.0\nGenerator: conformance\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  };
  const digest = (text: string) => createHash("sha256").update(text).digest("base64url");
  const rows = Object.entries(files).map(([path, text]) => `${path},sha256=${digest(text)},${text.length}`);
  files[`${info}/RECORD`] = [...rows, `${info}/RECORD,,`, ""].join("\n");
  const path = join(folder, `${module}-${version}-py3-none-any.whl`);
  const entries = Object.entries(files).map(([file, text]) => [file, Buffer.from(text)] as const);
  writeFileSync(path, zipSync(Object.fromEntries(entries)));
  return path;
}
