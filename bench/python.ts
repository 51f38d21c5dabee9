// Python packages for the bench: wheels made here, Portcullis' PyPI door as a contestant, and pypiserver as the peer.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CodeartifactClient,
  CreateDomainCommand,
  CreateRepositoryCommand,
  GetAuthorizationTokenCommand,
  GetRepositoryEndpointCommand,
} from "@aws-sdk/client-codeartifact";
import { strToU8, zipSync } from "fflate";
import { credentialsOf, portcullis } from "./portcullis.ts";
import { startServer } from "./processes.ts";
import { type Contestant, logOf, type Place, type Server } from "./servers.ts";

export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly bytes: Buffer;
}

/** 200 versions with ten files each, as projects with compiled wheels have them. */
export function manyWheels(): Wheel[] {
  const tags = ["311", "312", "313", "314", "315"].flatMap((python) =>
    ["manylinux_2_28_x86_64", "macosx_11_0_arm64"].map((platform) => `cp${python}-cp${python}-${platform}`),
  );
  const versions = Array.from({ length: 200 }, (_, index) => `${1 + Math.floor(index / 20)}.${index % 20}.0`);
  return versions.flatMap((version) => tags.map((tag) => makeWheel("bulk", version, tag, 200)));
}

export const downloads = { "10 kB": 10_000, "1 MB": 1_000_000 } as const;
export const downloadName = (size: keyof typeof downloads): string => `file${downloads[size]}`;

/** A wheel whose payload does not compress; the same arguments make the same bytes. */
export function makeWheel(name: string, version: string, tag: string, payloadBytes: number): Wheel {
  const info = `${name}-${version}.dist-info`;
  const metadata = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\nRequires-Python: >=3.9\n`;
  const members = {
    [`${name}/payload.bin`]: [noise(`${name}${version}${tag}`, payloadBytes), { level: 0 }],
    [`${info}/METADATA`]: strToU8(metadata),
    [`${info}/WHEEL`]: strToU8(`Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: ${tag}\n`),
    [`${info}/RECORD`]: strToU8(""),
  } satisfies Parameters<typeof zipSync>[0];
  const bytes = Buffer.from(zipSync(members, { mtime: new Date("2024-01-01T00:00:00Z") }));
  return { name, version, filename: `${name}-${version}-${tag}.whl`, bytes };
}

function noise(seed: string, bytes: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes; at += 64) parts.push(createHash("sha512").update(`${seed} ${at}`).digest());
  return new Uint8Array(Buffer.concat(parts).subarray(0, bytes));
}

const domain = "bench";
const repository = "python";

/** The same server with PyPI's address instead of npm's. */
export const portcullisPython: Contestant = {
  ...portcullis,
  async connect(place) {
    const endpoint = `http://127.0.0.1:${place.port}`;
    const client = new CodeartifactClient({
      endpoint,
      region: "us-east-1",
      credentials: credentialsOf(place),
    });
    const again = (error: Error): void => {
      if (error.name !== "ConflictException") throw error; // else a restart in the same place
    };
    await client.send(new CreateDomainCommand({ domain })).catch(again);
    await client.send(new CreateRepositoryCommand({ domain, repository })).catch(again);
    const { authorizationToken = "" } = await client.send(new GetAuthorizationTokenCommand({ domain }));
    const { repositoryEndpoint = "" } = await client.send(
      new GetRepositoryEndpointCommand({ domain, repository, format: "pypi" }),
    );
    client.destroy();
    const headers = { authorization: `Bearer ${authorizationToken}` };
    return { registry: repositoryEndpoint, readHeaders: headers, publishHeaders: headers };
  },
};

/** pypiserver with gunicorn and its cache of digests, its fastest way; readers are anonymous. */
export function pypiserver(cache: string): Contestant {
  const dir = join(cache, "pypiserver");
  const program = join(dir, "bin/pypi-server");
  if (!existsSync(program)) install(dir);
  const version = execFileSync(program, ["--version"], { encoding: "utf8" }).trim().split(/\s+/).at(-1);
  return {
    name: "pypiserver",
    version: version ?? "?",
    launch(place) {
      mkdirSync(packagesOf(place), { recursive: true });
      const flags = ["-i", "127.0.0.1", "-p", String(place.port), "-a", ".", "-P", ".", "--disable-fallback"];
      const fast = ["--server", "gunicorn", "--backend", "cached-dir"];
      return startServer([program, "run", ...flags, ...fast, packagesOf(place)], logOf(place));
    },
    connect: async (place) => ({
      registry: `http://127.0.0.1:${place.port}/`,
      readHeaders: {},
      publishHeaders: {},
    }),
  };
}

function install(dir: string): void {
  console.error("bench: installing pypiserver …");
  execFileSync("python3", ["-m", "venv", dir], { stdio: "inherit" });
  const wanted = ["pypiserver[cache]==2.4.2", "gunicorn", "setuptools<81"];
  execFileSync(join(dir, "bin/pip"), ["install", "--quiet", ...wanted], {
    stdio: "inherit",
    timeout: 300_000,
  });
}

function packagesOf(place: Place): string {
  return join(place.dir, "packages");
}

/** Puts the wheels where the contestant serves them: by uploads, or into the folder that pypiserver watches. */
export async function fill(server: Server, place: Place, wheels: readonly Wheel[]): Promise<void> {
  if (server.name === "pypiserver") {
    for (const { filename, bytes } of wheels) writeFileSync(join(packagesOf(place), filename), bytes);
    return;
  }
  const waiting = [...wheels];
  const work = async (): Promise<void> => {
    for (let wheel = waiting.pop(); wheel !== undefined; wheel = waiting.pop()) await upload(server, wheel);
  };
  await Promise.all([work(), work(), work(), work()]);
}

async function upload(server: Server, { name, version, filename, bytes }: Wheel): Promise<void> {
  const form = new FormData();
  const fields = { ":action": "file_upload", protocol_version: "1", name, version, filetype: "bdist_wheel" };
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set("sha256_digest", createHash("sha256").update(bytes).digest("hex"));
  form.set("content", new Blob([new Uint8Array(bytes)]), filename);
  const answer = await fetch(server.registry, { method: "POST", headers: server.publishHeaders, body: form });
  if (!answer.ok) throw new Error(`${filename}: ${answer.status} ${await answer.text()}`);
}
