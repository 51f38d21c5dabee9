// Corrections to the service model: what live clients need and the model does not say. The JSON itself is never edited.
import type { MemberModel, ServiceModel, ShapeModel } from "./model.ts";

interface Patch {
  /** The spec section or the client that forces it. */
  readonly why: string;
  readonly shape: string;
  /** Absent: the shape itself is changed. `*`: every structure's member of that name. */
  readonly member?: string;
  readonly set: Readonly<Record<string, unknown>>;
}

export const PATCHES: readonly Patch[] = [
  {
    why: "1.4.3: the model's enum says Available, live output shows AVAILABLE",
    shape: "ExternalConnectionStatus",
    set: { enum: ["AVAILABLE"] },
  },
  {
    why: "5.7.2: typed boolean, but the documented value of the query parameter is the word itself",
    shape: "PublishPackageVersionRequest",
    member: "unfinished",
    set: { alsoTrue: ["unfinished"] },
  },
  {
    why: "Terraform's data sources send `domain-owner=` when the account is unknown; it means the caller's account",
    shape: "*",
    member: "domainOwner",
    set: { emptyIsAbsent: true },
  },
];

/** A patched copy. Throws when a patch no longer fits, so that a newer model shows which corrections to drop. */
export function applyPatches(model: ServiceModel): ServiceModel {
  const shapes: Record<string, ShapeModel> = { ...model.shapes };
  for (const patch of PATCHES) {
    const targets = patch.shape === "*" ? Object.keys(shapes) : [patch.shape];
    const changed = targets.filter((name) => changeShape(shapes, name, patch));
    if (changed.length === 0)
      throw new Error(`The model patch for ${patch.shape} fits nothing: ${patch.why}`);
  }
  return { ...model, shapes };
}

function changeShape(shapes: Record<string, ShapeModel>, name: string, { member, set }: Patch): boolean {
  const shape = shapes[name];
  if (shape === undefined) return false;
  if (member === undefined) {
    shapes[name] = { ...shape, ...set };
    return true;
  }
  const old: MemberModel | undefined = shape.type === "structure" ? shape.members[member] : undefined;
  if (shape.type !== "structure" || old === undefined) return false;
  shapes[name] = { ...shape, members: { ...shape.members, [member]: { ...old, ...set } } };
  return true;
}
