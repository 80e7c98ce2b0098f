# an alarm that runs in a circle, more often and faster with every restart
use_synth :dsaw
use_synth_defaults attack: 0.02, sustain: 0.04, release: 0.06, detune: 0.1, cutoff: 110, amp: 0.6,
  pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:e4, :major_pentatonic)[ev[:namespace].sum]
laps = [3 + ev[:restarts], 8].min
pace = [0.16 - 0.01 * ev[:restarts], 0.1].max

laps.times do
  play_pattern_timed [home, home + 6, home + 1], pace
end
