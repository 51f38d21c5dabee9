// Cargo publishes, builds, yanks and searches; shows its user why something was refused; and gets public crates through the repository.
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { createDomain, type Domain, newName } from "../api.ts";
import { type Cargo, copyProject, openCargo, publicRegistryTrouble, REGISTRY } from "../clients/cargo.ts";
import type { Registry } from "../clients/client.ts";
import { writeFiles } from "../packages.ts";
import { failedSaying, succeeded } from "../processes.ts";
import type { Stage } from "../suite.ts";
import { cargoOrigin } from "./cargo-origin.ts";

interface Scene {
  readonly stage: Stage;
  readonly registry: Registry;
  readonly domain: Domain;
  readonly publisher: Cargo;
  /** A library, and one that depends on it. */
  readonly base: string;
  readonly top: string;
}

const repository = "crates";

export async function cargoClients(stage: Stage): Promise<void> {
  const domain = await createDomain(await stage.target(), "cargo");
  await domain.createRepository({ name: repository });
  const registry = await domain.registry(repository);
  const publisher = await openCargo(join(stage.folder, "publisher"), registry);
  const names = { base: newName("Base").replace("-", "_"), top: newName("top") };
  const scene = { stage, registry, domain, publisher, ...names };
  if (await publishes(scene)) {
    await builds(scene);
    await yanks(scene);
    await asks(scene);
    await isRefused(scene);
  }
  await logsIn(scene);
  await publicCrates(stage);
  await cargoOrigin(stage);
}

async function publishes({ stage, publisher, base, top }: Scene): Promise<boolean> {
  return stage.checks.check(
    "cargo publishes a library, and one that depends on it under another name, with features of both kinds",
    async () => {
      succeeded(await publisher.publish({ name: base, version: "1.0.0", says: "base 1" }));
      const toml = `readme = "README.md"\nlinks = "${base}"\nbuild = "build.rs"\nrust-version = "1.70"
[dependencies]
renamed = { package = "${base}", version = ">= 1.0, <2", registry = "${REGISTRY}", optional = true }
[features]
default = ["speak"]
speak = ["dep:renamed"]
plain = []
[target."cfg(any(unix,windows))".dev-dependencies]
renamed = { package = "${base}", version = "1.*", registry = "${REGISTRY}" }`;
      const files = {
        "README.md": "# Top\n",
        "build.rs": "fn main() {}\n",
        "src/lib.rs": 'pub fn says() -> String { format!("top < {}", renamed::says()) }\n',
      };
      const folder = publisher.crate({ name: top, version: "1.0.0+build.1", toml, files });
      // With cargo's own verification: it builds what it packaged.
      succeeded(await publisher.run(folder, ["publish", "--registry", REGISTRY, "--allow-dirty"]));
    },
  );
}

async function builds({ stage, registry, top, base }: Scene): Promise<void> {
  const { checks, folder } = stage;
  const consumer = await openCargo(join(folder, "consumer"), registry);
  const project = await program(consumer, "project", top);
  const built = await checks.check(
    "cargo add and cargo run, elsewhere: both are there and speak",
    async () => {
      succeeded(await consumer.run(project, ["add", "--registry", REGISTRY, `${top}@1`]));
      assert.match(succeeded(await consumer.run(project, ["run", "-q"])).stdout, /said: top < base 1/);
    },
  );
  if (!built) return;
  await checks.check("cargo run --locked on another machine, from the lock file alone", async () => {
    const other = await openCargo(join(folder, "other"), registry);
    const copy = join(other.folder, "project");
    copyProject(project, copy);
    assert.match(succeeded(await other.run(copy, ["run", "-q", "--locked"])).stdout, /said: top < base 1/);
    const tree = succeeded(await other.run(copy, ["tree", "--locked", "--prefix", "none"])).stdout;
    assert.match(tree, new RegExp(`${base} v1\\.0\\.0 \\(registry`));
  });
}

async function program(cargo: Cargo, name: string, uses: string): Promise<string> {
  const folder = join(cargo.folder, name);
  writeFiles(folder, {
    "Cargo.toml": '[package]\nname = "consumer"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n',
    "src/main.rs": `fn main() { println!("said: {}", ${uses.replaceAll("-", "_")}::says()) }\n`,
  });
  return folder;
}

async function yanks({ stage, publisher, registry, base }: Scene): Promise<void> {
  await stage.checks.check(
    "cargo yank: new projects pass it over, locked ones keep it; --undo brings it back",
    async () => {
      succeeded(await publisher.publish({ name: base, version: "1.1.0", says: "base 1.1" }));
      const consumer = await openCargo(join(stage.folder, "yank"), registry);
      const project = join(consumer.folder, "project");
      writeFiles(project, {
        "Cargo.toml": `[package]\nname = "consumer"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n${base} = { version = "1", registry = "${REGISTRY}" }\n`,
        "src/lib.rs": "",
      });
      const locked = async (...more: readonly string[]) => {
        succeeded(await consumer.run(project, ["fetch", ...more]));
        return succeeded(await consumer.run(project, ["tree", "--prefix", "none"])).stdout;
      };
      assert.match(await locked(), /v1\.1\.0/);
      const version = `${base}@1.1.0`;
      succeeded(await publisher.run(publisher.folder, ["yank", "--registry", REGISTRY, version]));
      assert.match(await locked("--locked"), /v1\.1\.0/);
      succeeded(await consumer.run(project, ["update"]));
      assert.match(await locked(), /v1\.0\.0/);
      succeeded(await publisher.run(publisher.folder, ["yank", "--undo", "--registry", REGISTRY, version]));
      succeeded(await consumer.run(project, ["update"]));
      assert.match(await locked(), /v1\.1\.0/);
    },
  );
}

async function asks({ stage, publisher, base, top }: Scene): Promise<void> {
  const { checks } = stage;
  const ask = (...args: string[]) => publisher.run(publisher.folder, [...args, "--registry", REGISTRY]);
  await checks.check("cargo search and cargo info find what was published", async () => {
    assert.match(succeeded(await ask("search", top)).stdout, new RegExp(`^${top} = "1\\.0\\.0\\+build\\.1"`));
    assert.match(succeeded(await ask("search", base.toLowerCase())).stdout, new RegExp(`^${base} = `));
    assert.match(succeeded(await ask("info", top)).stdout, /rust-version: 1\.70[^]*speak/);
  });
  await checks.check("cargo owner says that policies decide", async () => {
    failedSaying(await ask("owner", "--list", top), /no crate owners here/, /PutRepositoryPermissionsPolicy/);
  });
}

async function isRefused({ stage, publisher, domain, base, top }: Scene): Promise<void> {
  const { checks } = stage;
  await checks.check("cargo is refused the same version with other bytes", async () => {
    failedSaying(await publisher.publish({ name: base, version: "1.0.0", says: "other" }), /already exists/);
  });
  await checks.check(
    "cargo is refused a name that differs only by case or separator, and says of which",
    async () => {
      const alike = base.toLowerCase().replace("_", "-");
      const refused = await publisher.publish({ name: alike, version: "9.0.0" });
      failedSaying(refused, /400/, new RegExp(`differs from the crate '${base}'`));
      assert.deepEqual(await domain.versions(repository, alike), []);
    },
  );
  await checks.check("cargo is refused where publish=BLOCK, and shows the rule", async () => {
    await domain.origin(repository, top, "BLOCK", "BLOCK");
    const refused = await publisher.publish({ name: top, version: "2.0.0" });
    failedSaying(
      refused,
      /403/,
      /publish=BLOCK/,
      /PutPackageOriginConfiguration/,
      new RegExp(`'${repository}'`),
    );
    assert.deepEqual(await domain.versions(repository, top), ["1.0.0+build.1"]);
  });
}

/** Every way in which cargo keeps a token. */
async function logsIn({ stage, registry, base }: Scene): Promise<void> {
  const { checks, folder } = stage;
  const search = ["search", "--registry", REGISTRY, base];
  const open = (name: string, settings: { provider?: string; token?: string | undefined }) =>
    openCargo(join(folder, name), registry, settings);
  await checks.check("a Bearer token, cargo login and logout, and no or a wrong token", async () => {
    const bearer = await open("bearer", { token: `Bearer ${registry.token}` });
    succeeded(await bearer.run(bearer.folder, search));
    const cargo = await open("login", { token: undefined });
    failedSaying(await cargo.run(cargo.folder, search), /no token found/);
    const login = ["login", "--registry", REGISTRY, registry.token];
    succeeded(await cargo.run(cargo.folder, login));
    succeeded(await cargo.run(cargo.folder, search));
    succeeded(await cargo.run(cargo.folder, ["logout", "--registry", REGISTRY]));
    failedSaying(await cargo.run(cargo.folder, search), /no token found/);
    const wrong = await open("wrong", { token: "wrong" });
    failedSaying(await wrong.run(wrong.folder, search), /401/, /unknown, expired or revoked/);
  });
  await checks.check("8.8.4: a token from a program's standard output", async () => {
    const script = join(folder, "token.sh");
    writeFiles(folder, { "token.sh": `#!/bin/sh\necho '${registry.token}'\n` });
    chmodSync(script, 0o755);
    const provider = `cargo:token-from-stdout ${script}`;
    const cargo = await open("stdout", { provider, token: undefined });
    succeeded(await cargo.run(cargo.folder, search));
  });
}

/** The machine's own registry, as cargo here is set up; then without it. */
async function publicCrates(stage: Stage): Promise<void> {
  const { checks, folder } = stage;
  const title =
    "cargo builds with public crates through the repository, in the place of its default registry";
  const trouble = await publicRegistryTrouble(folder);
  if (trouble !== undefined) return checks.skip(title, trouble);
  const server = await stage.server("public");
  const domain = await createDomain(server, "cargo");
  await domain.createRepository({ name: "store", connection: "public:crates-io" });
  await domain.createRepository({ name: "app", upstreams: ["store"] });
  const cargo = await openCargo(join(folder, "public-crates"), await domain.registry("app"));
  const project = join(cargo.folder, "project");
  writeFiles(project, {
    "Cargo.toml":
      '[package]\nname = "consumer"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nInflector = { version = "0.11", default-features = false }\nitoa = "1"\nsemver = "1"\n',
    "src/main.rs":
      'use inflector::Inflector;\nfn main() {\n  let version = semver::Version::parse("1.2.3").unwrap();\n  println!("said: {} {}", itoa::Buffer::new().format(version.minor), "some words".to_camel_case());\n}\n',
  });
  const built = await checks.check(title, async () => {
    assert.match(succeeded(await cargo.run(project, ["run", "-q"])).stdout, /said: 2 someWords/);
    for (const name of ["Inflector", "itoa", "semver"]) {
      const [held] = await domain.versions("app", name);
      assert.deepEqual(await domain.versions("store", name), [held]);
      assert.equal(await domain.settings("store", name), "BLOCK/ALLOW");
    }
  });
  if (!built) return;
  await server.stop();
  const port = Number(new URL(server.endpoint).port);
  const flags = ["--upstream", "public:crates-io=http://127.0.0.1:1/"];
  await stage.server("public", { port, flags });
  await checks.check(
    "4.5.4: with the public registry away, a locked build elsewhere works from what is retained",
    async () => {
      const other = await openCargo(join(folder, "offline"), await domain.registry("app"));
      const copy = join(other.folder, "project");
      copyProject(project, copy);
      succeeded(await other.run(copy, ["fetch", "--locked"]));
      failedSaying(await other.fetch("ryu"), /50[234]/, /public:crates-io/);
    },
  );
}
