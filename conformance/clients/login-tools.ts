// Package managers beside npm's family, for the login suite: the machine's own, or from PyPI in a virtual environment.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Skip } from "../checks.ts";
import { plainEnv, plainPath, run } from "../processes.ts";
import { cacheFolder, installed, lastLine } from "./installed.ts";

const python = ["uv==0.13.9", "poetry==2.5.1", "twine==7.0.0", "build==1.3.0", "setuptools", "wheel"];
let folder: Promise<string> | undefined;

/** The folder of pip, uv, poetry and twine. Throws Skip when they cannot be had. */
export function pythonTools(): Promise<string> {
  folder ??= install();
  return folder;
}

async function install(): Promise<string> {
  const home = join(cacheFolder, "python-login");
  const bin = join(home, "bin");
  if (existsSync(join(home, "installed"))) return bin;
  await succeed(["python3", "-m", "venv", home]);
  await succeed([join(bin, "python3"), "-m", "pip", "install", "--quiet", ...python]);
  await succeed(["touch", join(home, "installed")]);
  return bin;
}

async function succeed(command: readonly string[]): Promise<void> {
  const result = await run(command, {
    cwd: "/",
    env: { ...plainEnv(), PATH: plainPath() },
    timeoutMs: 300_000,
  });
  if (result.code !== 0) throw new Skip(`${command.at(-1)} cannot be had: ${lastLine(result.output)}`);
}

/** The folder of a `nuget` that Mono runs. Throws Skip where there is no Mono. */
export async function nugetTool(): Promise<string> {
  await machineTool("mono", "--version");
  const modules = await installed("nuget-exe@5.8.0");
  const exe = readdirSync(join(modules, "nuget-exe")).find((file) => file.endsWith(".exe"));
  const bin = join(cacheFolder, "nuget-bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, "nuget"),
    `#!/bin/sh\nexec mono '${join(modules, "nuget-exe", exe ?? "")}' "$@"\n`,
    { mode: 0o755 },
  );
  return bin;
}

/** Throws Skip where the machine has no such program, or it does not start. */
export async function machineTool(name: string, ...args: readonly string[]): Promise<void> {
  const result = await run([name, ...args], { cwd: "/", env: { ...plainEnv(), PATH: plainPath() } });
  if (result.code !== 0) throw new Skip(`there is no ${name} on this machine`);
}
