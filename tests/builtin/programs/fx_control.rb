# effects are changed while they sound: slides in beats, notes by name
with_fx :rlpf, cutoff: 60, cutoff_slide: 2 do |fx|
  synth :saw, note: 40, sustain: 4, release: 0.5
  control fx, cutoff: :c7
  sleep 0.5
  control fx, cutoff: "e6", cutoff_slide: 1, res: 0.7, res_slide: 0.5
  control fx, amp: 0.5, amp_slide: 2
  use_bpm_mul 1.5
  sleep 1
  control fx, cutoff: :fs3, cutoff_slide: 1
  fx.control amp: 1, amp_slide: 1
end
sleep 1
with_fx :slicer, phase: 0.5 do |fx|
  with_fx :band_eq, freq: :c5 do |band|
    control phase: 0.25, phase_slide: 2
    control band, freq: :a6, freq_slide: 1, db: 3
    play 60, sustain: 1, release: 0.25
    control fx, phase: 0.125, amp_min: 0.2
  end
end
