// The API's service model as data: read from the JSON beside this file, corrected by patches.ts, never edited.
import { readFileSync } from "node:fs";
import { applyPatches } from "./patches.ts";

export interface MemberModel {
  readonly shape: string;
  readonly location?: "querystring" | "header";
  readonly locationName?: string;
  /** From patches.ts: an empty value in the query counts as absent. */
  readonly emptyIsAbsent?: true;
  /** From patches.ts: texts besides `true` that mean true in the query. */
  readonly alsoTrue?: readonly string[];
}

export interface StructureModel {
  readonly type: "structure";
  readonly members: Readonly<Record<string, MemberModel>>;
  readonly required?: readonly string[];
  /** The member that is the whole HTTP body. */
  readonly payload?: string;
  readonly exception?: true;
  readonly error?: { readonly httpStatusCode: number };
}

export interface StringModel {
  readonly type: "string";
  readonly min?: number;
  readonly max?: number;
  /** A Java regular expression; see patterns.ts. */
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

export interface NumberModel {
  readonly type: "integer" | "long";
  readonly min?: number;
  readonly max?: number;
}

export interface ListModel {
  readonly type: "list";
  readonly member: { readonly shape: string };
  readonly min?: number;
  readonly max?: number;
}

export interface MapModel {
  readonly type: "map";
  readonly key: { readonly shape: string };
  readonly value: { readonly shape: string };
}

export type ShapeModel =
  | StructureModel
  | StringModel
  | NumberModel
  | ListModel
  | MapModel
  | { readonly type: "boolean" }
  | { readonly type: "timestamp" }
  | { readonly type: "blob"; readonly streaming?: true };

export interface OperationModel {
  readonly name: string;
  readonly http: { readonly method: string; readonly requestUri: string };
  readonly input: { readonly shape: string };
  readonly output: { readonly shape: string };
  readonly errors: readonly { readonly shape: string }[];
}

export interface ServiceModel {
  readonly operations: Readonly<Record<string, OperationModel>>;
  readonly shapes: Readonly<Record<string, ShapeModel>>;
}

/** Reads and patches the model: about 2 ms, once, when the server starts. */
export function loadModel(): ServiceModel {
  const text = readFileSync(new URL("codeartifact-2018-09-22.json", import.meta.url), "utf8");
  return applyPatches(JSON.parse(text) as ServiceModel);
}

export function shapeOf(model: ServiceModel, name: string): ShapeModel {
  const shape = model.shapes[name];
  if (shape === undefined) throw new Error(`The service model has no shape ${name}.`);
  return shape;
}

export function structureOf(model: ServiceModel, name: string): StructureModel {
  const shape = shapeOf(model, name);
  if (shape.type !== "structure") throw new Error(`The shape ${name} is a ${shape.type}, not a structure.`);
  return shape;
}
