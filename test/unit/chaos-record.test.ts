/** One story out of everybody's logs, whatever each of them writes like. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { record, whatLed } from '#test/chaos/record.js';
import { MARIADB, POSTGRES } from '#test/cluster/engines.js';
import type { Observed } from '#test/chaos/run.js';

const folder = mkdtempSync(join(tmpdir(), 'tanist-record-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a run that is recorded', () => {
  it('leaves its history and one timeline, in order', () => {
    // A whole millisecond of wall clock, as logs have it.
    const zero = Math.ceil(performance.timeOrigin) + 1_000 - performance.timeOrigin;
    const wall = (ms: number): number => performance.timeOrigin + zero + ms;
    const iso = (ms: number): string => new Date(wall(ms)).toISOString();
    const attempt = {
      key: 1,
      value: 1,
      writer: 1,
      server: 'ada',
      confirmedBy: 0,
      began: zero - 20,
      ended: zero - 10,
    };
    const observed: Observed = {
      ...{ leader: 'ada', findings: [], ledger: [], measured: undefined, broken: undefined, stoodStillMs: 0 },
      moments: [{ at: zero, what: 'STRUCK' }],
      attempts: [{ ...attempt, outcome: 'ok', line: 1 }],
      logs: [
        {
          file: '/x/agent-ada.log',
          text: `{"level":40,"time":${wall(300)},"member":"ada","code":"SEALING","epoch":2}\n`,
        },
        { file: '/x/etcd-1.log', text: `{"level":"warn","ts":"${iso(200)}","caller":"x","msg":"slow"}\n` },
        {
          file: '/x/ada.log',
          text: `${iso(100).replace('T', ' ').replace('Z', '')} UTC [7] LOG:  ready\nits second line\n`,
        },
        {
          file: '/x/ada.tanist/guard.log',
          text: `{"level":"info","time":"${iso(400)}","code":"ARMED"}\nnot json\n{broken\n`,
        },
      ],
    };
    record(folder, observed, POSTGRES.readLogLine);
    expect(whatLed(observed, POSTGRES.readLogLine).map((line) => line.trim())).toEqual([
      expect.stringMatching(/\* +STRUCK$/),
      expect.stringMatching(/agent-ada +warn SEALING epoch=2$/),
    ]);
    const lines = readFileSync(join(folder, 'timeline.txt'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      '-0.010 clients first acknowledgement by ada, line 1',
      '-0.010 clients last of 1 acknowledgements by ada, line 1',
      '0.000 * STRUCK',
      '0.100 ada [7] LOG: ready',
      '0.200 etcd-1 warn slow',
      '0.300 agent-ada warn SEALING epoch=2',
      '0.400 guard-ada ARMED',
    ]);
    const history = gunzipSync(readFileSync(join(folder, 'history.jsonl.gz'))).toString();
    expect(JSON.parse(history)).toMatchObject({ value: 1, outcome: 'ok' });
  });

  it('reads the logs of MariaDB, which have whole seconds and no zero before the hour', () => {
    expect(MARIADB.readLogLine('2026-03-04  5:06:07 0 [Note] ready')).toEqual({
      ...{ at: Date.UTC(2026, 2, 4, 5, 6, 7), what: '0 [Note] ready' },
    });
    expect(MARIADB.readLogLine('2026-03-04 15:06:07 12 [ERROR] full')?.at).toBe(
      Date.UTC(2026, 2, 4, 15, 6, 7),
    );
    expect(MARIADB.readLogLine('its second line')).toBeUndefined();
  });
});
