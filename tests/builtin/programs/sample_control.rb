# samples that are changed while they sound
use_bpm 90
s = sample :loop_garzul, lpf: 80, lpf_slide: 0.5, amp: 0.5, amp_slide: 0.5
control s, lpf: :c8, amp: 0.8
sleep 0.5
control s, cutoff: 60, pan: 0.3, pan_slide: 0.25
with_fx :echo, phase: 0.2 do
  t = sample :loop_amen, beat_stretch: 2, start: 0.5
  sleep 0.25
  control t, pre_amp: 2, slide: 0.1
  kill t
end
sample :loop_amen, rate: -0.5, sustain: 0.2, release: 0.1, hpf: 50
sample :loop_garzul, pitch: 3, window_size: 0.1, time_dis: 0.01
sample :loop_garzul, compress: 1, threshold_slide: 0.5, norm: 1, lpf_attack: 1, lpf_min_slide: 1, decay: 0.3
sample :bd_haus, attack: 0.1, env_curve: 7, sustain_level: 0.5
puts s.args["amp"], sample_info(:loop_garzul).duration, sample_loaded?(:bd_haus)
