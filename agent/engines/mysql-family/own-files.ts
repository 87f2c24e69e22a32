/**
 * The files of a data directory that are this member's own business: configuration, certificates, log files of a server. A copy of another one's
 * data gets them. Not its binary log, nor what it had received: those are of the history that it leaves behind.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { LogPlaces } from '#agent/engines/mysql-family/log-places.js';

/** A folder is a schema. `dataFiles`: names of what belongs to the data, or to one run of a server on it. `logs`: undefined where nothing tells of them. */
export function ownFiles(dataDir: string, dataFiles: RegExp, logs: LogPlaces | undefined): readonly string[] {
  const indexes = logs === undefined ? [] : [logs.written, logs.received];
  const ofLogs = new Set(indexes.flatMap((index) => logFiles(index, dataDir)));
  return readdirSync(dataDir, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !dataFiles.test(entry.name) && !ofLogs.has(entry.name))
    .map(({ name }) => name);
}

/** By name, of those that lie in that folder: the index, the files that it lists, and what the server notes beside them. */
function logFiles(index: string, folder: string): readonly string[] {
  const listed = linesOf(index).map((line) => resolve(dirname(index), line));
  const states = listed.map((file) => file.replace(/\.\d+$/, '.state'));
  return [index, ...listed, ...states]
    .filter((file) => dirname(file) === folder)
    .map((file) => basename(file));
}

function linesOf(index: string): readonly string[] {
  try {
    return readFileSync(index, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}
