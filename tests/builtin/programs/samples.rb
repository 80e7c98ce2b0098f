# samples, whole and in part, stretched and turned
use_bpm 120
sample :bd_haus
sample :loop_amen, rate: 0.5, amp: 0.4
sample :loop_amen, beat_stretch: 4
sample :loop_amen, pitch_stretch: 2
sample :loop_amen, start: 0.25, finish: 0.5, attack: 0.1, release: 0.2
sample :loop_amen, slice: 3
sample :loop_amen, slice: 1, num_slices: 4, finish: 0.5
sample :loop_garzul, rpitch: 7, cutoff: 90
sample :loop_garzul, lpf: :c5, hpf: 40, amp_slide: 1, cutoff_slide: 1
sample :elec_blip, on: false
sample "tabla_", 2
sample /drum_cymbal/, 1
sample :bd_haus, slide: 0.5
sample :loop_garzul, sustain: 1, pan: 0.5
sleep 0.5
use_sample_defaults amp: 0.2, rate: 2
sample :bd_haus
with_sample_defaults pan: -1 do
  sample :bd_haus, rate: -1
end
use_sample_defaults cutoff: 80
sample :elec_blip
