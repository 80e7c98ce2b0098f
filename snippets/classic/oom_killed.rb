# it swells, note upon note, higher and higher, until it bursts: out of memory
use_synth :dsaw
use_synth_defaults attack: 0.05, release: 0.03, detune: 0.1, cutoff: 105, amp: 0.18,
  pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:e3, :major_pentatonic)[ev[:namespace].sum]

6.times do |n|
  play home + 5 * n, sustain: 0.15 * (6 - n)
  sleep 0.15
end
2.times do
  sleep 0.15
  play_chord [home, home + 6, home + 13], sustain: 0.05, release: 0.2, amp: 0.47
end
