# a siren sinks, three times over: the node threw its pod out
use_synth :dsaw
use_synth_defaults attack: 0.03, sustain: 0.4, release: 0.1, detune: 0.15, cutoff: 105,
  note_slide: 0.45, amp: 0.46, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:e4, :major_pentatonic)[ev[:namespace].sum]

3.times do
  siren = play home + 7
  control siren, note: home - 5
  sleep 0.55
end
