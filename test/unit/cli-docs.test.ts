// A reference that lacks a key, an error or a reason is worse than none, because people believe it. So the documents are read
// here, and held against the code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ERRORS, type ErrorCode } from '#core/errors.js';
import { type ReasonCode, REASONS } from '#core/reasons.js';
import { PROFILES, timingsOf } from '#core/timings.js';
import { agentSchema } from '#cli/config/agent.js';
import { controllerSchema } from '#cli/config/controller.js';
import { policySchema } from '#cli/config/policy.js';
import { routerSchema } from '#cli/config/router.js';
import { SECRET_VARIABLES } from '#cli/config/secret.js';
import { DURATION_UNITS, SIZE_UNITS } from '#cli/config/units.js';
import { WHAT_TO_DO } from '#cli/what-to-do.js';
import { tanist } from '#test/unit/cli-support.js';

const ROOT = join(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

/** Texts of the sections by their headings of this level. */
function sections(markdown: string, level: '##' | '###'): ReadonlyMap<string, string> {
  const [, ...parts] = `\n${markdown}`.split(`\n${level} `);
  return new Map(
    parts.map((part) => {
      const [heading = '', ...lines] = (part.split('\n## ')[0] ?? '').split('\n');
      return [heading.trim(), lines.join('\n')];
    }),
  );
}

/** Cells of the table rows that begin with something in backticks, which stands in the first cell without them. */
const rows = (markdown: string): readonly (readonly string[])[] =>
  [...markdown.matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)].map((match) => [
    match[1] ?? '',
    ...(match[2] ?? '').split('|').map((cell) => cell.trim()),
  ]);

interface Key {
  readonly type: string;
  readonly default: unknown;
  readonly isRequired: boolean;
}

interface JsonSchema {
  readonly title?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly type?: string;
  readonly default?: unknown;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
}

/** Every key of a schema that holds a value, with its path. */
function keysOf(schema: JsonSchema, prefix = ''): ReadonlyMap<string, Key> {
  const variants = schema.oneOf ?? [schema];
  const keys = variants.flatMap((variant) =>
    Object.entries(variant.properties ?? {}).flatMap(([name, property]): (readonly [string, Key])[] => {
      const path = prefix + name;
      // A section with a section for each member.
      if (property.additionalProperties !== undefined && property.additionalProperties !== false)
        return [...keysOf(property.additionalProperties, `${path}.NAME.`)];
      if (property.properties !== undefined || property.oneOf !== undefined)
        return [...keysOf(property, `${path}.`)];
      const isRequired = variant.required?.includes(name) ?? false;
      return [[path, { type: typeOf(property), default: property.default, isRequired }]];
    }),
  );
  return new Map(keys);
}

function typeOf(schema: JsonSchema): string {
  if (schema.items !== undefined) return `list of ${schema.items.title ?? '?'}`;
  if (schema.const !== undefined) return 'choice';
  return schema.title ?? '?';
}

const jsonSchema = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;

describe('docs/configuration.md', () => {
  const text = read('docs/configuration.md');
  const chapters = sections(text, '##');

  describe.each([
    ["The controller's file", controllerSchema],
    ["The agent's file", agentSchema],
    ["The router's file", routerSchema],
    ['The policy file', policySchema],
  ] as const)('%s', (heading, schema) => {
    const [reference = ''] = (chapters.get(heading) ?? '').split('\n### ');
    const documented = new Map(rows(reference).map(([key = '', ...cells]) => [key, cells]));
    const known = keysOf(jsonSchema(schema));

    it('has a row for every key, and for no other', () => {
      expect([...documented.keys()]).toEqual([...known.keys()]);
    });

    it.each([...known])(
      '%s: type and default are those of the schema',
      (key, { type, default: value, isRequired }) => {
        const [documentedType, documentedDefault] = documented.get(key) ?? [];
        expect(documentedType).toBe(type);
        if (isRequired) expect(documentedDefault).toBe('required');
        else if (typeof value === 'string' || typeof value === 'number')
          expect(documentedDefault).toBe(`\`${value}\``);
        else if (Array.isArray(value))
          expect(documentedDefault).toBe(value.map((one) => `\`${String(one)}\``).join(', '));
        else expect(documentedDefault).not.toMatch(/^required$|^`[^`]*`$|^$/); // in words
      },
    );

    it('says what every key means', () => {
      for (const [key, cells] of documented) expect(cells[2], key).toMatch(/\S.{10,}\.$/);
    });
  });

  it('explains every type that a key has', () => {
    const explained = (chapters.get('How values are written') ?? '')
      .match(/^\| (\w+) \|/gm)
      ?.map((row) => row.slice(2, -2));
    const schemas = [controllerSchema, agentSchema, routerSchema, policySchema].map(jsonSchema);
    const used = schemas.flatMap((schema) =>
      [...keysOf(schema).values()].map(({ type }) => type.replace('list of ', '')),
    );
    expect(explained).toEqual(expect.arrayContaining(used));
  });

  it('names every unit and every variable', () => {
    for (const word of [...DURATION_UNITS, ...SIZE_UNITS, ...Object.values(SECRET_VARIABLES)]) {
      expect(text).toContain(`\`${word}\``);
    }
  });

  it('has the timings of every profile', () => {
    const documented = rows(sections(text, '###').get('Profiles') ?? '').map((cells) => cells.slice(0, 8));
    const timings = PROFILES.map((profile) => {
      const t = timingsOf(profile);
      const lease = [t.heartbeatMs, t.holdMs, t.fenceMs, t.silenceMs, t.canaryTimeoutMs, t.promiseMs];
      return [profile, ...[...lease, t.absenceMs].map(String)];
    });
    expect(documented).toEqual(timings);
  });
});

describe('docs/errors.md', () => {
  const headings = sections(read('docs/errors.md'), '##');
  const codes = Object.keys(ERRORS) as ErrorCode[];

  it('has a heading for every code of core/errors.ts, in its order, and no other', () => {
    expect([...headings.keys()]).toEqual(codes);
  });

  it.each(codes)('%s: what it means, typical causes, what to do', (code) => {
    const text = (headings.get(code) ?? '').replaceAll(/\s+/g, ' ');
    expect(text).toContain(ERRORS[code]);
    expect(text).toContain('**Typical causes.**');
    expect(text).toContain(`**What to do.** ${WHAT_TO_DO[code]}`);
  });
});

describe('the documents', () => {
  const documents = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));

  it.each(documents)('docs/%s names only commands that there are', async (name) => {
    const { out } = await tanist(['--help']);
    const known = [...out.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]);
    const named = [...read(`docs/${name}`).matchAll(/(?:`|^|\$ |&& )tanist ([a-z]+)/gm)].map(
      (match) => match[1],
    );
    expect(known).toEqual(expect.arrayContaining(named));
  });
});

describe('docs/reasons.md', () => {
  const documented = rows(read('docs/reasons.md'));
  const codes = Object.keys(REASONS) as ReasonCode[];

  it('has a row for every code of core/reasons.ts, and no other', () => {
    expect(documented.map(([code]) => code).sort()).toEqual([...codes].sort());
  });

  it.each(codes)('%s: the sentence is that of the code, and its meaning is explained', (code) => {
    const [, sentence, meaning] = documented.find(([first]) => first === code) ?? [];
    expect(sentence).toBe(REASONS[code]);
    expect(meaning).toMatch(/\S.{10,}\.$/);
  });
});
