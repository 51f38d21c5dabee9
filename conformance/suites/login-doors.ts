// After a login alone, a package goes into the server and comes out of it: Python's tools and cargo.
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { newName } from "../api.ts";
import { machineTool, pythonTools } from "../clients/login-tools.ts";
import { writeFiles } from "../packages.ts";
import { run, succeeded } from "../processes.ts";
import { cli, repository, type Scene, userEnv } from "./login-scene.ts";

/** The doors that the server has beside npm's: a package goes in and comes out, by what login wrote alone. */
export async function realDoors(scene: Scene): Promise<void> {
  const direct: Scene = { ...scene, stub: { ...scene.stub, endpoint: scene.target.endpoint } };
  const index = `${scene.domain}-${repository}`;
  await scene.stage.checks.check(
    "twine uploads to the server, and pip and uv find it, each after its login",
    async () => {
      const home = join(scene.stage.folder, "real-python");
      const env = userEnv(scene, home, await pythonTools());
      const name = newName("login").replace("-", "_");
      const command = async (...words: string[]) => succeeded(await run(words, { cwd: home, env }));
      writeWheel(home, name);
      for (const tool of ["twine", "pip", "uv"]) succeeded(await cli(direct, env, home, tool));
      await command("twine", "upload", "--non-interactive", "-r", index, `${name}-1.0-py3-none-any.whl`);
      await command("pip", "download", "--no-input", "-d", "down", name);
      assert.ok(existsSync(join(home, "down", `${name}-1.0-py3-none-any.whl`)));
      writeFiles(home, { "in.txt": name });
      assert.match((await command("uv", "pip", "compile", "--no-cache", "in.txt")).stdout, /==1\.0/);
    },
  );
  await scene.stage.checks.check(
    "cargo publishes to the server and builds from it, asking the helper",
    async () => {
      await machineTool("cargo", "--version");
      const home = join(scene.stage.folder, "real-cargo");
      const env = userEnv(scene, home);
      const name = newName("login");
      const manifest = (own: string, more: string) =>
        `[package]\nname = "${own}"\nversion = "1.0.0"\nedition = "2021"\ndescription = "d"\nlicense = "MIT"\n${more}`;
      writeFiles(home, {
        "lib/Cargo.toml": manifest(name, ""),
        "lib/src/lib.rs": "",
        "use/Cargo.toml": manifest("consumer", `[dependencies]\n${name} = "1"\n`),
        "use/src/lib.rs": "",
      });
      succeeded(await cli(direct, env, home, "cargo"));
      succeeded(
        await run(["cargo", "publish", "--allow-dirty", "--no-verify"], { cwd: join(home, "lib"), env }),
      );
      succeeded(await run(["cargo", "fetch"], { cwd: join(home, "use"), env }));
    },
  );
}

function writeWheel(folder: string, name: string): void {
  const info = `${name}-1.0.dist-info`;
  const files = {
    [`${name}.py`]: "",
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
    [`${info}/WHEEL`]:
      "Wheel-Version: 1.0\nGenerator: conformance\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${info}/RECORD`]: [`${name}.py`, `${info}/METADATA`, `${info}/WHEEL`, `${info}/RECORD`]
      .map((file) => `${file},,\n`)
      .join(""),
  };
  const entries = Object.entries(files).map(
    ([file, text]) => [file, new TextEncoder().encode(text)] as const,
  );
  writeFileSync(join(folder, `${name}-1.0-py3-none-any.whl`), zipSync(Object.fromEntries(entries)));
}
