/** What real engines and guards did: duties of theirs, left out. */
import type { Mistake } from '#test/planted/mistake.js';

export const ENGINE_MISTAKES = {
  'a-fence-leaves-sessions': { mistakes: { fenceLeavesSessions: true } },
  'a-fence-leaves-orphans': { of: 'postgres', mistakes: { fenceLeavesOrphans: true } },
  'received-log-is-dropped-at-promotion': { of: 'postgres', mistakes: { dropsReceivedLog: true } },
  'an-opening-does-not-look-at-the-clock-again': { among: 'openings', mistakes: { opensTooLate: true } },
  'a-seal-reads-before-it-cuts': {
    of: 'postgres',
    among: 'confirmed',
    mistakes: { sealReadsBeforeTheCut: true },
  },
  'a-seal-trusts-what-is-taken-up': {
    of: 'postgres',
    among: 'confirmed',
    mistakes: { sealTrustsWhatIsTakenUp: true },
  },
  'a-copy-is-made-while-log-arrives': { among: 'confirmed', mistakes: { copiesWhileItReceives: true } },
  'a-salvage-forgets-what-it-saved': { mistakes: { salvagesNothing: true } },
  'a-seal-throws-away-what-it-received': { of: 'mariadb', mistakes: { sealStopsTheApplier: true } },
  'a-replica-that-stands-is-said-to-follow': { of: 'mariadb', mistakes: { saysThatItFollows: true } },
  'a-removed-member-still-confirms': { of: 'mariadb', among: 'confirmed', mistakes: { removesNobody: true } },
  'writes-wait-once-clients-are-there': { of: 'mariadb', mistakes: { letsClientsInFirst: true } },
  'a-replica-confirms-what-is-not-on-its-disk': {
    of: 'mariadb',
    among: 'confirmed',
    mistakes: { confirmsUnwritten: true },
  },
  'a-tail-is-of-a-server-started-since': { of: 'redis', mistakes: { handsOutAnotherLog: true } },
  'a-server-comes-up-as-a-leader': { of: 'redis', mistakes: { bootsOpen: true } },
  'a-replica-is-pointed-at-whatever-leads': { of: 'redis', mistakes: { followsWhatever: true } },
  'a-leader-serves-whoever-asks': { of: 'redis', mistakes: { servesEverybody: true } },
  'what-the-disk-refused-is-answered-for': { mistakes: { forgetsWhatIsRefused: true } },
  'the-guard-trusts-the-agent': { among: 'lapses', mistakes: { guardTrustsAgent: true } },
} as const satisfies Readonly<Record<string, Mistake>>;
