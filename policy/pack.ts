// The policy pack: hands what the engine is about to do to the rules, and what they find to the engine.
import {
  PolicyPack,
  type PolicyResource,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { ownerOf } from "./owner.ts";
import { read, type Resource, type ResourceRule, type StackRule } from "./rule.ts";
import { resourceRules, stackRules } from "./rules.ts";

type Given = Pick<PolicyResource, "type" | "name" | "urn" | "props" | "opts">;

function resourceOf({ type, name, urn, props, opts }: Given): Resource {
  return {
    ...{ type, name, urn },
    props: read(props),
    protect: opts.protect,
    secretOutputs: opts.additionalSecretOutputs,
  };
}

function resourcePolicy(rule: ResourceRule): ResourceValidationPolicy {
  return {
    name: rule.name,
    description: rule.description,
    enforcementLevel: rule.advisory ? "advisory" : "mandatory",
    validateResource: (given, report) => {
      if (!rule.applies(given.type)) return;
      for (const problem of rule.problems(resourceOf(given), ownerOf(given.urn))) report(problem);
    },
  };
}

function stackPolicy(rule: StackRule): StackValidationPolicy {
  return {
    name: rule.name,
    description: rule.description,
    enforcementLevel: "mandatory",
    validateStack: ({ resources }, report) => {
      const [first] = resources;
      if (first === undefined) return;
      const needs = new Map(
        resources.map((one) => [
          one.urn,
          [...one.dependencies, ...(one.parent ? [one.parent] : [])].map(({ urn }) => urn),
        ]),
      );
      const all = resources.map((one) => ({ ...resourceOf(one), needs: needs.get(one.urn) ?? [] }));
      for (const { message, urn } of rule.problems(all, ownerOf(first.urn))) report(message, urn);
    },
  };
}

new PolicyPack("tenant-isolation", {
  description: "What would break the isolation of tenants is refused before it is made.",
  policies: [...resourceRules.map(resourcePolicy), ...stackRules.map(stackPolicy)],
});
