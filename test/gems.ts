// Gems for tests, put together as `gem build` does: metadata, data and checksums in a tar.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

export interface GemParts {
  readonly name: string;
  readonly version: string;
  readonly platform?: string;
  /** Runtime dependencies: name → requirement such as `>= 1.0`. */
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** Instead of what is made of the above. */
  readonly metadata?: string;
  /** Members to add, or with undefined to leave out. */
  readonly members?: Readonly<Record<string, Buffer | undefined>>;
}

/** The same parts are the same bytes. */
export async function makeGem(parts: GemParts): Promise<Buffer> {
  const metadata = gzipSync(parts.metadata ?? metadataOf(parts));
  const data = gzipSync(await tar(Object.entries(parts.files ?? { "lib/a.rb": "A = 1\n" })));
  const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  const checksums = gzipSync(
    `---\nSHA256:\n  metadata.gz: ${sha256(metadata)}\n  data.tar.gz: ${sha256(data)}\n`,
  );
  const members: Record<string, Buffer | undefined> = {
    "metadata.gz": metadata,
    "data.tar.gz": data,
    "checksums.yaml.gz": checksums,
    ...parts.members,
  };
  const present = Object.entries(members).filter((pair): pair is [string, Buffer] => pair[1] !== undefined);
  return tar(present);
}

/** As Psych writes a Gem::Specification, alias and all. */
export function metadataOf({ name, version, platform = "ruby", dependencies = {} }: GemParts): string {
  const needs = Object.entries(dependencies).map(([dependency, requirement], i) => {
    const [operator, number] = requirement.split(" ");
    return `- !ruby/object:Gem::Dependency
  name: ${dependency}
  requirement: &id00${i} !ruby/object:Gem::Requirement
    requirements:
    - - "${operator}"
      - !ruby/object:Gem::Version
        version: '${number}'
  type: :runtime
  prerelease: false
  version_requirements: *id00${i}
`;
  });
  return `--- !ruby/object:Gem::Specification
name: ${name}
version: !ruby/object:Gem::Version
  version: ${version}
platform: ${platform}
authors:
- Somebody
date: 2024-01-31 00:00:00.000000000 Z
dependencies:${needs.length === 0 ? " []\n" : `\n${needs.join("")}`}description: More about ${name}
email: somebody@mail.example
homepage: https://home.example/${name}
licenses:
- MIT
metadata:
  source_code_uri: https://git.example/${name}
required_ruby_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '2.5'
required_rubygems_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
summary: What ${name} is
`;
}

async function tar(entries: readonly (readonly [string, string | Buffer])[]): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of entries) archive.entry({ name, mtime: new Date(0) }, content);
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
