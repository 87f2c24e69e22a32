import { it } from 'vitest';
import { startController, startAgent, report, grant, kind, now, planDirective } from '#test/contract/grpc-fixtures.js';
it('latency', async () => {
  const c = await startController(); const a = startAgent([c.address]);
  await a.next(kind('controller-connected')); await c.next(kind('agent-connected'));
  const run = async (n: number, gap: number) => {
    const up: number[] = [], down: number[] = [];
    for (let i = 1; i <= n; i++) {
      let t = performance.now();
      a.controllers.send(c.address, report(i));
      const r = await c.next(kind('agent-report')); up.push(r.receivedAt - t);
      t = performance.now();
      c.agents.send('orders', 'pg-1', grant(BigInt(i)));
      const d = await a.next(kind('directive')); down.push(d.receivedAt - t);
      if (gap) await new Promise((r) => setTimeout(r, gap));
    }
    const q = (v: number[], p: number) => v.sort((x, y) => x - y)[Math.floor(v.length * p)]!.toFixed(3);
    console.log(`n=${n} gap=${gap}: report p50 ${q(up, 0.5)} p99 ${q(up, 0.99)} max ${q(up, 0.9999)} | grant p50 ${q(down, 0.5)} p99 ${q(down, 0.99)} max ${q(down, 0.9999)}`);
  };
  await run(200, 0); await run(5000, 0); await run(300, 20);
  let t = performance.now(); c.agents.send('orders', 'pg-1', planDirective(10000)); await a.next(kind('directive')); console.log('plan 10KB', performance.now() - t);
  t = performance.now(); await c.agents.stop(); console.log('stop', performance.now() - t);
  const { openStateFile } = await import('#agent/adapters/state-file/state-file.js');
  const { mkdtemp } = await import('node:fs/promises');
  const f = await openStateFile(await mkdtemp('/tmp/tanist-lat-'));
  const { asEpoch } = await import('#core/brand.js');
  const d = planDirective(3000); const w: number[] = [];
  for (let i = 0; i < 300; i++) { const t = performance.now(); await f.write({ cluster: 'c', member: 'm', dataId: '1', highestEpoch: asEpoch(BigInt(i)), plan: d.kind === 'plan' ? d.plan : undefined, sealedEpoch: asEpoch(0n), fencedEpoch: asEpoch(0n), openedEpoch: asEpoch(0n) }); w.push(performance.now() - t); }
  w.sort((x, y) => x - y); console.log('state write p50', w[150], 'p99', w[297], 'max', w[299]);
}, 60000);
