// The contract of the ports to etcd on a newer etcd than Debian's stable has.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import '#test/contract/etcd-real.test.js';

it('runs on etcd 3.5 or newer', () => {
  const [, major, minor] =
    /(\d+)\.(\d+)/.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8' })) ?? [];
  expect(Number(major) * 100 + Number(minor)).toBeGreaterThanOrEqual(305);
});
