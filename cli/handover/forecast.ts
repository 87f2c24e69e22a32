/** What a switchover or a failover would do and lose, for people. */
import type { Forecast } from '#core/operator.js';
import type { Paint } from '#cli/view/paint.js';
import { renderTable } from '#cli/view/table.js';
import { formatLog, formatReason, formatSpan } from '#cli/view/words.js';

export function renderForecast(cluster: string, forecast: Forecast, paint: Paint): string {
  const { of, leader, candidate, others } = forecast;
  const heir = candidate === undefined ? paint('bad', 'nobody could lead') : `${candidate} would lead`;
  const facts = candidate === undefined ? [] : factsOf(forecast, candidate, paint);
  const lines = [
    `${of} of ${paint('bold', cluster)}: ${leader} leads, ${heir}`,
    ...facts.map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)}${text}`),
    ...(others.length === 0
      ? []
      : [
          '  others:',
          ...renderTable(others.map(({ member, reason }) => ['', member, formatReason(reason)])),
        ]),
  ];
  return `${lines.join('\n')}\n`;
}

const LABEL_WIDTH = 9;

function factsOf(
  { leader, engine, behind, loss, waitMs }: Forecast,
  candidate: string,
  paint: Paint,
): readonly (readonly [label: string, text: string])[] {
  const lacking =
    behind === undefined
      ? 'not known: the two logs cannot be compared now'
      : `${formatLog(behind, engine)} of log that ${leader} had and ${candidate} had not, when last heard`;
  const wait =
    waitMs === 0 ? 'none' : `${formatSpan(waitMs)} at most, until the lease of ${leader} has run out`;
  return [
    ['behind', lacking],
    ['loss', loss.kind === 'none' ? paint('good', 'none') : `${paint('bad', 'possible')}: ${loss.text}`],
    ['wait', wait],
  ];
}
