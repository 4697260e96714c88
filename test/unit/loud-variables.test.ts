// Variables that make libraries print passwords: nothing is done where one is set, and every other one is left alone.
import { expect, it } from "vitest";
import { refuseLoudVariables } from "../../providers/clients/loud-variables.ts";

it.each([
  ["NODE_DEBUG", "child_process"],
  ["NODE_DEBUG", "net,CHILD_PROCESS"],
  ["NODE_DEBUG", "*"],
  ["NODE_DEBUG", "child*"],
  ["DEBUG", "*"],
  ["DEBUG", "ioredis:*"],
  ["DEBUG", "express ioredis:redis"],
  ["DEBUG", "io*,-x"],
])("%s=%s is refused", (name, value) => {
  expect(() => refuseLoudVariables({ [name]: value })).toThrow(
    new RegExp(`^${name}=.* passwords included: nothing was done.*unset ${name}$`),
  );
});

it.each([
  ["NODE_DEBUG", ""],
  ["NODE_DEBUG", "http,net"],
  ["NODE_DEBUG", "child.process"],
  ["DEBUG", "1"],
  ["DEBUG", "express:*"],
  ["DEBUG", "ioredis"],
])("%s=%s is not", (name, value) => {
  refuseLoudVariables({ [name]: value });
});
