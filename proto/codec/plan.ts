/** A plan on the wire: its JSON, byte for byte the form in etcd. */
import type { Plan } from '#core/plan.js';
import type { Plan as WirePlan, Plan__Output } from '#proto/generated/tanist/v1/Plan.js';
import { MalformedMessage } from '#proto/codec/fields.js';
import { planFromJson, planToJson } from '#proto/codec/json.js';

/** The plan's own codec says what is wrong with it; here it only gets the name of the field. */
export function readPlan(field: string, { json }: Plan__Output): Plan {
  try {
    return planFromJson(json);
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    throw new MalformedMessage(`${field}.json`, `a plan (${because})`);
  }
}

export const writePlan = (plan: Plan): WirePlan => ({ json: planToJson(plan) });
