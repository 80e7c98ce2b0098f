# chords, defaults and transposition together
use_transpose -5
use_synth_defaults release: 0.5, amp: 0.6, slide: 0.1
with_fx :flanger, phase: 2, decay: 1 do
  with_fx :panslicer, phase: 0.5, amp_min_slide: 1 do
    play_chord [:c4, :e4, :g4], amp: 0.9
    s = play [:d4, :f4]
    sleep 0.25
    control s, note: [:e4, :g4], amp: 0.3
    control s, notes: [:e4, :g4], amp: 0.3
  end
end
synth :dsaw, notes: [60, 61], detune: 0.2
synth :dsaw, note: [60]
play [nil, 60]
