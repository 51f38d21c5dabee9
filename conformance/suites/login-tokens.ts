// Tokens of logins: given by hand, fetched by helpers, and never asked for by a dry run.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { failedSaying, plainPath, run, succeeded } from "../processes.ts";
import { program } from "../server.ts";
import { cli, repository, type Scene, userEnv } from "./login-scene.ts";

export async function givenToken(scene: Scene): Promise<void> {
  await scene.stage.checks.check(
    "a token of 'portcullis token create' is taken from standard input or PORTCULLIS_TOKEN, and no other is asked for",
    async () => {
      const { stub, domain } = scene;
      const home = join(scene.stage.folder, "given");
      mkdirSync(home);
      const env = { PATH: plainPath(), HOME: home };
      const from = stub.issued.length;
      const given = `--domain ${domain} --repository ${repository} --endpoint-url ${stub.endpoint}`;
      const token = "AAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
      const result = succeeded(
        await run(["sh", "-c", `echo ${token} | '${program}' login npm ${given} --token-stdin`], {
          cwd: home,
          env,
        }),
      );
      assert.match(readFileSync(join(home, ".npmrc"), "utf8"), new RegExp(`:_authToken=${token}`));
      assert.ok(!result.output.includes(token));
      succeeded(
        await run(["sh", "-c", `PORTCULLIS_TOKEN=${token} '${program}' login cargo ${given}`], {
          cwd: home,
          env,
        }),
      );
      assert.match(readFileSync(join(home, ".cargo/credentials.toml"), "utf8"), new RegExp(token));
      assert.equal(stub.issued.length, from);
    },
  );
  await scene.stage.checks.check(
    "without credentials it says which are looked for; a wrong option says what would help",
    async () => {
      const home = join(scene.stage.folder, "wrong");
      mkdirSync(home);
      const env = { PATH: plainPath(), HOME: home };
      const given = [
        "--domain",
        scene.domain,
        "--repository",
        repository,
        "--endpoint-url",
        scene.stub.endpoint,
      ];
      const wrong = (...args: string[]) => run([program, "login", ...args], { cwd: home, env });
      failedSaying(await wrong("npm", ...given), /no AWS credentials: .*--token-stdin/);
      failedSaying(await wrong("nmp", ...given), /there is no tool 'nmp'; there are npm/);
      failedSaying(await wrong("npm", ...given, "--extra"), /npm has no --extra: use --scope/);
      failedSaying(
        await wrong("npm", ...given.slice(0, 4), "--endpoint-url", "http://127.0.0.1:1", "--profile", "x"),
        /no profile 'x'/,
      );
      const dead = await cli(
        { ...scene, stub: { ...scene.stub, endpoint: "http://127.0.0.1:1" } },
        env,
        home,
        "npm",
      );
      failedSaying(dead, /nothing answers at http:\/\/127\.0\.0\.1:1 .*--endpoint-url/);
      failedSaying(
        await cli({ ...scene, domain: "no-such-domain" }, env, home, "npm"),
        /ResourceNotFoundException/,
      );
      assert.deepEqual(readdirSync(home), []);
    },
  );
}

export async function dryRuns(scene: Scene): Promise<void> {
  const tools = [
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "deno",
    "pip",
    "uv",
    "poetry",
    "twine",
    "mvn",
    "gradle",
    "sbt",
    "nuget",
    "dotnet",
    "gem",
    "bundler",
    "cargo",
    "swift",
  ];
  await scene.stage.checks.check(
    `a dry run asks for no token and writes nothing: ${tools.join(", ")}`,
    async () => {
      const home = join(scene.stage.folder, "dry");
      mkdirSync(home);
      const from = scene.stub.issued.length;
      for (const tool of tools) {
        const result = succeeded(
          await cli(scene, { PATH: plainPath(), HOME: home }, home, tool, "--dry-run"),
        );
        assert.match(result.stdout, new RegExp(`^Nothing was changed; this would be:\n${home}`));
      }
      assert.deepEqual(readdirSync(home), []);
      assert.equal(scene.stub.issued.length, from);
    },
  );
}

export async function helperAsks(scene: Scene): Promise<void> {
  await scene.stage.checks.check(
    "a helper asks for a token once, again when its cache is gone, and for no address that nobody logged in to",
    async () => {
      const { stub, domain } = scene;
      const home = join(scene.stage.folder, "helper");
      const env = userEnv(scene, home);
      const url = `${stub.endpoint}/cargo/d/${domain}-000000000000/${repository}/`;
      const ask = (address: string) => run([program, "credential", "token", address], { cwd: home, env });
      failedSaying(await ask(url), /no login is known for/);
      succeeded(await cli(scene, env, home, "cargo"));
      const from = stub.issued.length;
      for (const _ of [1, 2]) assert.equal(succeeded(await ask(url)).stdout.trim(), stub.issued.at(-1));
      assert.equal(stub.issued.length, from);
      rmSync(join(home, ".cache"), { recursive: true });
      assert.equal(succeeded(await ask(`sparse+${url}`)).stdout.trim(), stub.issued.at(-1));
      assert.equal(stub.issued.length, from + 1);
      failedSaying(await ask("http://127.0.0.1:9/cargo/d/x/y/"), /no login is known for/);
      const keyring = await run([program, "credential", "keyring", "get", "http://other.example/", "aws"], {
        cwd: home,
        env,
      });
      assert.deepEqual([keyring.code, keyring.output], [1, ""]);
    },
  );
}
