// The module that cargo's document thread runs.
import { answerJobs } from "../document-thread.ts";
import { answer } from "./crate-jobs.ts";

answerJobs(answer);
