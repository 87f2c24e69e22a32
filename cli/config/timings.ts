/** The relations between timings on which safety rests hold before anything starts (rule L4), not only on the day they are written. */
import { TanistError } from '#core/errors.js';
import { brokenRelations, type ProfileName, PROFILES, timingsOf } from '#core/timings.js';

/** Throws TIMINGS_UNSAFE. A controller and an agent check all profiles: a plan may name any. */
export function checkTimings(profiles: readonly ProfileName[] = PROFILES): void {
  const broken = profiles.flatMap((profile) =>
    brokenRelations(timingsOf(profile)).map((relation) => `profile ${profile} breaks: ${relation}`),
  );
  if (broken.length > 0) throw new TanistError('TIMINGS_UNSAFE', broken.join('\n'));
}
