// Operations on the permissions policies of domains and repositories (spec 6.2).
import * as policies from "../../registry/policies.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps, DomainInput, RepositoryInput } from "./context.ts";
import { ownerOf } from "./context.ts";

function subjectOf(input: DomainInput & Partial<RepositoryInput>, call: Call): policies.PolicySubject {
  const { domain, repository } = input;
  return { owner: ownerOf(input, call), domain, ...(repository === undefined ? {} : { repository }) };
}

export async function getDomainPermissionsPolicy(
  input: Operations["GetDomainPermissionsPolicy"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["GetDomainPermissionsPolicy"]["output"]> {
  return { policy: await policies.getPolicy(deps, subjectOf(input, call), call) };
}

export async function getRepositoryPermissionsPolicy(
  input: Operations["GetRepositoryPermissionsPolicy"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["GetRepositoryPermissionsPolicy"]["output"]> {
  return { policy: await policies.getPolicy(deps, subjectOf(input, call), call) };
}

export async function putDomainPermissionsPolicy(
  input: Operations["PutDomainPermissionsPolicy"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["PutDomainPermissionsPolicy"]["output"]> {
  const { policyDocument, policyRevision } = input;
  return {
    policy: await policies.putPolicy(deps, subjectOf(input, call), policyDocument, policyRevision, call),
  };
}

export async function putRepositoryPermissionsPolicy(
  input: Operations["PutRepositoryPermissionsPolicy"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["PutRepositoryPermissionsPolicy"]["output"]> {
  const { policyDocument, policyRevision } = input;
  return {
    policy: await policies.putPolicy(deps, subjectOf(input, call), policyDocument, policyRevision, call),
  };
}

export async function deleteDomainPermissionsPolicy(
  input: Operations["DeleteDomainPermissionsPolicy"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DeleteDomainPermissionsPolicy"]["output"]> {
  return { policy: await policies.deletePolicy(deps, subjectOf(input, call), input.policyRevision, call) };
}

export async function deleteRepositoryPermissionsPolicy(
  input: Operations["DeleteRepositoryPermissionsPolicy"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DeleteRepositoryPermissionsPolicy"]["output"]> {
  return { policy: await policies.deletePolicy(deps, subjectOf(input, call), input.policyRevision, call) };
}
