// The module that PyPI's document thread runs.
import { answerJobs } from "../document-thread.ts";
import { answer } from "./jobs.ts";

answerJobs(answer);
