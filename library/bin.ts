#!/usr/bin/env node
// npx tenant COMMAND
import { main } from "./cli.ts";

await main(process.argv);
