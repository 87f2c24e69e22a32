import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { agentScenario } from '#test/scenarios/agent.js';
import { controllerScenario } from '#test/scenarios/controller.js';
import { replay } from '#test/scenarios/text.js';

const kinds = { controller: controllerScenario, agent: agentScenario };

for (const [kind, scenario] of Object.entries(kinds)) {
  describe(`${kind}: decisions written as text`, () => {
    const folder = new URL(`./${kind}/`, import.meta.url);
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
      it(file.replace('.txt', '').replaceAll('-', ' '), async () => {
        const path = new URL(file, folder).pathname;
        await expect(replay(readFileSync(path, 'utf8'), scenario())).toMatchFileSnapshot(path);
      });
    }
  });
}
