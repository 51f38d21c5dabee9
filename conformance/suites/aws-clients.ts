import type { Stage } from "../suite.ts";
export async function awsClients(_stage: Stage): Promise<void> {}
