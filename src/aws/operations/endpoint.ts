// Where package managers find a repository (spec 8.0).
import { endpoint, origin } from "../../http/address.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { openRepository } from "./context.ts";

/** Always ends in `/`: the AWS CLI concatenates onto it. Both endpoint types are the same address here. */
export async function getRepositoryEndpoint(
  input: Operations["GetRepositoryEndpoint"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["GetRepositoryEndpoint"]["output"]> {
  const { domain, name } = await openRepository(deps, call, input, "GetRepositoryEndpoint");
  const repositoryEndpoint = endpoint(
    origin(call.host, deps.publicUrl),
    input.format,
    { domain: domain.name, owner: domain.owner },
    name,
  );
  return { repositoryEndpoint };
}
