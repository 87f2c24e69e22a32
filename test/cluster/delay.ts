// Problem: between distant hosts everything takes a while, and the kernels of small machines have no netem to make it so.
// Rule: the host's link is taken off the bridge and put behind two taps, between which a program keeps every frame for that long,
// each way, in order. Perl, since Node can open no tap; it comes with PostgreSQL.
// Consequence: all that passes is late, connections that there were included, and nothing is slower than late.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Arguments: how long, in seconds, and the two taps. It ends with its standard input. */
const RELAY = `
use strict;
use Time::HiRes 'clock_gettime';
my ($TUNSETIFF, $TAP_WITHOUT_HEADER, $MONOTONIC, $MOST_HELD) = (0x400454ca, 0x1002, 1, 20_000);
my ($delay, @names) = @ARGV;
my @taps = map {
  open my $tap, '+<', '/dev/net/tun' or die "/dev/net/tun: $!";
  ioctl $tap, $TUNSETIFF, pack('a16 S x22', $_, $TAP_WITHOUT_HEADER) or die "$_: $!";
  $tap;
} @names;
syswrite STDOUT, "ready";
my @held = ([], []);
while (1) {
  my $ready = '';
  vec($ready, fileno $_, 1) = 1 for @taps, *STDIN;
  my ($next) = sort { $a <=> $b } map { @$_ ? $_->[0][0] : () } @held;
  my $wait = defined $next ? $next - clock_gettime($MONOTONIC) : undef;
  select $ready, undef, undef, defined $wait && $wait < 0 ? 0 : $wait;
  exit if vec $ready, fileno STDIN, 1;
  for my $i (0, 1) {
    my $queue = $held[$i];
    if (vec($ready, fileno $taps[$i], 1) && sysread $taps[$i], my $frame, 65_536) {
      push @$queue, [clock_gettime($MONOTONIC) + $delay, $frame] if @$queue < $MOST_HELD;
    }
    syswrite $taps[1 - $i], shift(@$queue)->[1] while @$queue && $queue->[0][0] <= clock_gettime($MONOTONIC);
  }
}
`;

/** Resolves once both taps are there; they are there until `end` is called, or we are gone. */
export async function startRelay(
  delayMs: number,
  taps: readonly [string, string],
): Promise<{ readonly end: () => void }> {
  const relay = spawn('perl', ['-e', RELAY, String(delayMs / 1000), ...taps], {
    ...{ cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'inherit'] },
  });
  const ended = once(relay, 'exit');
  const isThere = await Promise.race([once(relay.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!isThere) throw new Error(`no taps ${taps.join(' and ')}: see above`);
  relay.stdout.destroy();
  relay.unref();
  (relay.stdin as unknown as { unref(): void }).unref();
  return { end: () => void relay.stdin.end() };
}
