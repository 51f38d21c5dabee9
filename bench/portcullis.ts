// Portcullis as a contestant: started by its command line, set up through the AWS API as a user would.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AssociateExternalConnectionCommand,
  CodeartifactClient,
  CreateDomainCommand,
  CreateRepositoryCommand,
  GetAuthorizationTokenCommand,
  GetRepositoryEndpointCommand,
} from "@aws-sdk/client-codeartifact";
import { startServer } from "./processes.ts";
import { type Contestant, logOf, type Place, versionOf } from "./servers.ts";

const root = join(import.meta.dirname, "..");
const domain = "bench";
const repository = "npm";

/** With these flags besides the place's own, on CPU 0 or the CPUs that are said. */
export function portcullisWith(more: string[], cpus?: string): Contestant {
  return {
    ...portcullis,
    launch(place) {
      const upstream = place.upstream ? ["--upstream", `public:npmjs=${place.upstream}`] : [];
      const flags = ["--listen", `127.0.0.1:${place.port}`, "--data", join(place.dir, "data"), ...upstream];
      const command = [join(root, "bin/portcullis"), "serve", ...flags, ...more];
      return startServer(command, logOf(place), {}, cpus);
    },
  };
}

export const portcullis: Contestant = {
  name: "Portcullis",
  version: versionOf(root),
  launch: (place) => portcullisWith([]).launch(place),
  /** Every request carries the token: Portcullis has no anonymous readers. */
  async connect(place) {
    const client = apiClient(place);
    await create(client, place);
    const { authorizationToken } = await client.send(
      new GetAuthorizationTokenCommand({ domain, durationSeconds: 43_200 }),
    );
    const { repositoryEndpoint } = await client.send(
      new GetRepositoryEndpointCommand({ domain, repository, format: "npm" }),
    );
    client.destroy();
    if (!authorizationToken || !repositoryEndpoint) throw new Error("no token or endpoint was given");
    const headers = { authorization: `Bearer ${authorizationToken}` };
    return { registry: repositoryEndpoint, readHeaders: headers, publishHeaders: headers };
  },
};

async function create(client: CodeartifactClient, place: Place): Promise<void> {
  try {
    await client.send(new CreateDomainCommand({ domain }));
  } catch (error) {
    if (error instanceof Error && error.name === "ConflictException") return; // a restart in the same place
    throw error;
  }
  await client.send(new CreateRepositoryCommand({ domain, repository }));
  if (place.upstream)
    await client.send(
      new AssociateExternalConnectionCommand({ domain, repository, externalConnection: "public:npmjs" }),
    );
}

function apiClient(place: Place): CodeartifactClient {
  const endpoint = `http://127.0.0.1:${place.port}`;
  return new CodeartifactClient({ endpoint, region: "us-east-1", credentials: credentialsOf(place) });
}

/** The administrator's, from the file that the first start writes. */
export function credentialsOf(place: Place): { accessKeyId: string; secretAccessKey: string } {
  const text = readFileSync(join(place.dir, "data/credentials"), "utf8");
  const value = (key: string) => new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)`, "m").exec(text)?.[1] ?? "";
  return { accessKeyId: value("aws_access_key_id"), secretAccessKey: value("aws_secret_access_key") };
}
