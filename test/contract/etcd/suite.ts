// Problem: controllers rest on what etcd does when they or it are in trouble, and the simulator on an etcd that is none.
// Rule: whatever is put behind the ports election and plan-store passes this, on a bed of its own (harness.ts).
// Consequence: what a simulated take-over shows holds for a real one as far as these cases go.
import { describe } from 'vitest';
import { commits } from '#test/contract/etcd/commits.js';
import { createIt } from '#test/contract/etcd/controllers.js';
import { elects } from '#test/contract/etcd/elects.js';
import type { EtcdBed } from '#test/contract/etcd/harness.js';
import { outlasts } from '#test/contract/etcd/outlasts.js';
import { resigns } from '#test/contract/etcd/resigns.js';
import { settles } from '#test/contract/etcd/settles.js';

export function etcdContract(name: string, createBed: () => Promise<EtcdBed>): void {
  describe(`etcd: ${name}`, { timeout: 30_000 }, () => {
    const it = createIt(createBed);
    for (const cases of [elects, outlasts, resigns, commits, settles]) cases(it);
  });
}
