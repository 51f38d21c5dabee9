// Cargo in isolation: a CARGO_HOME of its own, set to one repository by name and in the place of its default registry.
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Skip } from "../checks.ts";
import { writeFiles } from "../packages.ts";
import { plainEnv, plainPath, type Result, run, succeeded } from "../processes.ts";
import type { Registry } from "./client.ts";
import { lastLine } from "./installed.ts";

export interface CrateSpec {
  readonly name: string;
  readonly version: string;
  /** What its function `says` gives; part of the crate's bytes. */
  readonly says?: string;
  /** Further text of Cargo.toml, behind [package]'s members. */
  readonly toml?: string;
  readonly files?: Readonly<Record<string, string>>;
}

export interface Cargo {
  readonly folder: string;
  /** Runs cargo in a folder below this one. */
  run(folder: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Result>;
  /** Writes a library crate; gives its folder. */
  crate(spec: CrateSpec): string;
  publish(spec: CrateSpec): Promise<Result>;
  /** The bytes that cargo would publish. */
  packaged(spec: CrateSpec): Promise<Buffer>;
  /** Fetches `name@version` of the repository with nothing cached, without building it. */
  fetch(spec: string): Promise<Result>;
}

/** How cargo is told its token; the environment's variable unless said. */
export interface CargoSettings {
  readonly provider?: string;
  readonly token?: string | undefined;
}

/** The name that every workplace's settings have for the repository. */
export const REGISTRY = "portcullis";

/** Throws Skip where there is no cargo. */
export async function openCargo(
  folder: string,
  registry: Registry,
  settings: CargoSettings = {},
): Promise<Cargo> {
  writeFiles(join(folder, "home"), { "config.toml": configOf(registry, settings) });
  const token = "token" in settings ? settings.token : registry.token;
  const env = (home: string): NodeJS.ProcessEnv => ({
    ...environment(),
    CARGO_HOME: home,
    ...(token === undefined ? {} : { CARGO_REGISTRIES_PORTCULLIS_TOKEN: token }),
  });
  let count = 0;
  const cargo: Cargo = {
    folder,
    run: (cwd, args, more = {}) =>
      run(["cargo", ...args], { cwd, env: { ...env(join(folder, "home")), ...more } }),
    crate(spec) {
      const place = join(folder, `crate-${count++}`);
      writeFiles(place, filesOf(spec));
      return place;
    },
    publish: (spec) =>
      cargo.run(cargo.crate(spec), ["publish", "--registry", REGISTRY, "--no-verify", "--allow-dirty"]),
    async packaged(spec) {
      const place = cargo.crate(spec);
      succeeded(await cargo.run(place, ["package", "--no-verify", "--allow-dirty"]));
      return readFileSync(join(place, "target/package", `${spec.name}-${spec.version}.crate`));
    },
    async fetch(spec) {
      const place = join(folder, `fetch-${count++}`);
      const [name = "", version = "*"] = spec.split("@");
      writeFiles(place, {
        "Cargo.toml": `[package]\nname = "consumer"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n${name} = { version = "${version === "*" ? version : `=${version}`}", registry = "${REGISTRY}" }\n`,
        "src/lib.rs": "",
        "home/config.toml": configOf(registry, settings),
      });
      return run(["cargo", "fetch"], { cwd: place, env: env(join(place, "home")) });
    },
  };
  const check = await cargo.run(folder, ["--version"]);
  if (check.code !== 0) throw new Skip(`cargo does not start: ${lastLine(check.output)}`);
  return cargo;
}

function configOf({ url }: Registry, { provider = "cargo:token" }: CargoSettings): string {
  return `[registries.${REGISTRY}]
index = "sparse+${url}"
credential-provider = ${JSON.stringify(provider)}
[source.crates-io]
replace-with = "${REGISTRY}"
[net]
retry = 0
[term]
color = "never"
`;
}

function filesOf({ name, version, says = name, toml = "", files = {} }: CrateSpec): Record<string, string> {
  return {
    "Cargo.toml": `[package]\nname = "${name}"\nversion = "${version}"\nedition = "2021"\ndescription = "A crate of the conformance suite"\nlicense = "MIT"\n${toml}\n`,
    "src/lib.rs": `pub fn says() -> String { ${JSON.stringify(says)}.to_string() }\n`,
    ...files,
  };
}

/** Nothing of the user's own settings; but the toolchain is the machine's. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(plainEnv()).filter(([name]) => !name.startsWith("CARGO_"));
  return { ...Object.fromEntries(kept), PATH: plainPath(), CARGO_INCREMENTAL: "0" };
}

/** What goes into version control, and nothing else. */
export function copyProject(from: string, to: string): void {
  writeFiles(to, {});
  for (const file of [
    "Cargo.toml",
    "Cargo.lock",
    ...readdirSync(join(from, "src")).map((name) => `src/${name}`),
  ]) {
    if (!existsSync(join(from, file))) continue;
    writeFiles(dirname(join(to, file)), { ".keep": "" });
    copyFileSync(join(from, file), join(to, file));
  }
}

/** Undefined when cargo, as this machine is set up, reaches its registry. */
export async function publicRegistryTrouble(folder: string): Promise<string | undefined> {
  const env = { ...plainEnv(), PATH: plainPath() };
  const result = await run(["cargo", "info", "itoa"], { cwd: folder, env, timeoutMs: 60_000 });
  return result.code === 0 ? undefined : `cargo does not reach its registry: ${lastLine(result.output)}`;
}
