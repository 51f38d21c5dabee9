// Operations on external connections (spec 4.1.4, 4.4).
import * as administer from "../../registry/administer.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { openRepository } from "./context.ts";
import { describe } from "./describe-repository.ts";

export async function associateExternalConnection(
  input: Operations["AssociateExternalConnection"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["AssociateExternalConnection"]["output"]> {
  const repository = await openRepository(deps, call, input, "AssociateExternalConnection");
  const changed = await administer.associateConnection(deps, repository, input.externalConnection, call);
  return { repository: await describe(deps, changed) };
}

export async function disassociateExternalConnection(
  input: Operations["DisassociateExternalConnection"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DisassociateExternalConnection"]["output"]> {
  const repository = await openRepository(deps, call, input, "DisassociateExternalConnection");
  const changed = await administer.disassociateConnection(deps, repository, input.externalConnection, call);
  return { repository: await describe(deps, changed) };
}
