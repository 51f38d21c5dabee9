// Python packages for the suites: projects for build backends, wheels made by hand, and a static index of them that plays the public one.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { strToU8, zipSync } from "fflate";

/** A project that `python -m build`, flit, hatch and poetry can build; its module says who it is. */
export function writeProject(
  folder: string,
  { name, version, says = "hello", backend = "hatchling" }: ProjectOptions,
): string {
  const module = moduleOf(name);
  const files: Record<string, string> = {
    "README.md": `# ${name}\n`,
    [`${module}/__init__.py`]: `"""${name}"""\n__version__ = ${JSON.stringify(version)}\nprint(${JSON.stringify(says)})\n`,
    "pyproject.toml": `[build-system]
requires = ["${backend}"]
build-backend = "${backends[backend]}"
[project]
name = ${JSON.stringify(name)}
version = ${JSON.stringify(version)}
description = "conformance"
readme = "README.md"
requires-python = ">=3.8"
authors = [{ name = "A", email = "a@example.com" }]
[project.urls]
Homepage = "https://example.com/"
${backend === "hatchling" ? `[tool.hatch.build.targets.wheel]\npackages = ["${module}"]\n` : ""}${backend === "flit_core" ? `[tool.flit.module]\nname = "${module}"\n` : ""}`,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const backends = {
  hatchling: "hatchling.build",
  flit_core: "flit_core.buildapi",
  "poetry-core": "poetry.core.masonry.api",
} as const;

export interface ProjectOptions {
  readonly name: string;
  readonly version: string;
  /** What importing it prints. */
  readonly says?: string;
  readonly backend?: keyof typeof backends;
}

export function moduleOf(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "_");
}

export interface Wheel {
  readonly filename: string;
  readonly bytes: Buffer;
}

/** A wheel as a build backend makes it, without one. */
export function makeWheel(name: string, version: string, says = "hello"): Wheel {
  const module = moduleOf(name);
  const info = `${module}-${version}.dist-info`;
  const members: Record<string, string> = {
    [`${module}/__init__.py`]: `print(${JSON.stringify(says)})\n`,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]:
      "Wheel-Version: 1.0\nGenerator: conformance\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  };
  members[`${info}/RECORD`] = [...Object.keys(members), `${info}/RECORD`]
    .map((path) => `${path},,\n`)
    .join("");
  const zipped = Object.fromEntries(Object.entries(members).map(([path, text]) => [path, strToU8(text)]));
  return { filename: `${module}-${version}-py3-none-any.whl`, bytes: Buffer.from(zipSync(zipped)) };
}

export interface StaticIndex {
  /** Ends in `/simple/`. */
  readonly url: string;
  publish(name: string, version: string, says?: string): void;
  yank(name: string, version: string, reason: string): void;
  close(): void;
}

/** Plain HTML pages with relative addresses, as any web server would serve them from a folder. */
export async function startStaticIndex(): Promise<StaticIndex> {
  const projects = new Map<string, (Wheel & { version: string; yanked?: string })[]>();
  const server = createServer((request, response) => {
    const [, kind, name = "", file = ""] = (request.url ?? "").split("/");
    const wheels = projects.get(name);
    if (wheels !== undefined && kind === "simple") {
      const links = wheels.map(({ filename, bytes, yanked }) => {
        const digest = createHash("sha256").update(bytes).digest("hex");
        const flag = yanked === undefined ? "" : ` data-yanked="${yanked}"`;
        return `<a href="../../files/${name}/${filename}#sha256=${digest}"${flag}>${filename}</a><br>`;
      });
      return void response.setHeader("content-type", "text/html").end(links.join("\n"));
    }
    const wheel = kind === "files" ? wheels?.find(({ filename }) => filename === file) : undefined;
    if (wheel === undefined) response.statusCode = 404;
    response.end(wheel?.bytes);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const key = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");
  return {
    url: `http://127.0.0.1:${port}/simple/`,
    publish(name, version, says = "from P") {
      const wheels = projects.get(key(name)) ?? [];
      projects.set(key(name), [...wheels, { ...makeWheel(name, version, says), version }]);
    },
    yank(name, version, reason) {
      for (const wheel of projects.get(key(name)) ?? []) if (wheel.version === version) wheel.yanked = reason;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
