/**
 * Reads one YAML file and holds it against its schema. Every problem is told at once, each with its line, its path, what was
 * expected and what was found: whoever edits a file on a server at night should have to do it once.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { TanistError } from '#core/errors.js';
import { type Path, type Problem, problemsOf } from '#cli/config/problems.js';

export interface ConfigFile<Value> {
  readonly value: Value;
  /** A path that stands in the file, made absolute: relative ones are taken from the file's folder. */
  readonly absolute: (path: string) => string;
  /** Refuses the file for what no single value shows; never returns. */
  readonly refuse: (path: Path, text: string) => never;
}

/** Throws CONFIG_UNREADABLE or CONFIG_INVALID. */
export function readConfigFile<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
): ConfigFile<z.output<Schema>> {
  const file = resolve(name);
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const refuseAll = (problems: readonly Problem[]): never => {
    const placed = problems.map(({ path, text, offset }) => ({
      path,
      text,
      offset: offset ?? offsetOf(document, path),
    }));
    const told = placed
      .sort((a, b) => a.offset - b.offset)
      .map(({ path, text, offset }) => {
        const { line, col } = lines.linePos(offset);
        return `${file}:${line}:${col}: ${path.length === 0 ? '' : `${formatPath(path)}: `}${text}`;
      });
    const [only, second] = told;
    const detail =
      second === undefined ? (only ?? file) : `${told.length} problems in ${file}\n${told.join('\n')}`;
    throw new TanistError('CONFIG_INVALID', detail);
  };
  if (document.errors.length > 0) {
    return refuseAll(
      document.errors.map(({ message, pos }) => ({ path: [], text: `not YAML: ${message}`, offset: pos[0] })),
    );
  }
  // An empty file, or one of comments only, is one in which every key is left out.
  const result = schema.safeParse(toValue(document, refuseAll) ?? {}, { reportInput: true });
  if (!result.success) return refuseAll(problemsOf(result.error.issues));
  return {
    value: result.data,
    absolute: (path) => resolve(dirname(file), path),
    refuse: (path, text) => refuseAll([{ path, text }]),
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TanistError(
      'CONFIG_UNREADABLE',
      `${file}: ${WHY_UNREADABLE[codeOf(error)] ?? (error as Error).message}`,
    );
  }
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
};

/** Reading an alias can still fail, or can be made to take for ever. */
function toValue(document: Document, refuseAll: (problems: readonly Problem[]) => never): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return refuseAll([{ path: [], text: `not YAML: ${(error as Error).message}` }]);
  }
}

/** Where the key stands that the path ends in or, if it is missing, the section that it is missing from. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent: unknown = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(
        ({ key }) => (isScalar(key) ? String(key.value) : String(key)) === String(last),
      );
      if (isPair(pair) && isNode(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

/** `etcd.endpoints[0]` */
const formatPath = (path: Path): string =>
  path.map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`)).join('');

export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
