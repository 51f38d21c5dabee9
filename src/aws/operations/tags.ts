// Operations on the tags of domains, repositories and package groups (spec 10.6).
import * as tags from "../../registry/resource-tags.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";

export async function listTagsForResource(
  input: Operations["ListTagsForResource"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListTagsForResource"]["output"]> {
  return { tags: await tags.listTags(deps, input.resourceArn, call) };
}

export async function tagResource(
  input: Operations["TagResource"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["TagResource"]["output"]> {
  await tags.tagResource(deps, input.resourceArn, input.tags, call);
  return {};
}

export async function untagResource(
  input: Operations["UntagResource"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["UntagResource"]["output"]> {
  await tags.untagResource(deps, input.resourceArn, input.tagKeys, call);
  return {};
}
