# a machine runs down, coughs twice and stands still: a node is not ready
use_synth :dsaw
use_synth_defaults attack: 0.03, sustain: 0.5, release: 0.15, detune: 0.2, cutoff: 105,
  note_slide: 0.6, amp: 0.44, pan: ev[:pod].sum % 5 * 0.4 - 0.8

home = scale(:e4, :major_pentatonic)[ev[:pod].sum]

motor = play home, sustain: 0.9
control motor, note: home - 10, note_slide: 1
sleep 1.15
2.times do
  cough = play home - 5, sustain: 0.3
  control cough, note: home - 10, note_slide: 0.3
  sleep 0.5
end
