# how long samples are, in beats
puts sample_duration(:loop_garzul).round(6)
puts sample_duration(:loop_amen, rate: -2).round(6)
puts sample_duration(:loop_amen, start: 0.25, finish: 0.5).round(6)
puts sample_duration(:loop_amen, sustain: 0, attack: 0.5).round(6)
puts sample_duration(:loop_amen, beat_stretch: 3).round(6)
puts sample_duration(:loop_amen, rpitch: 12).round(6)
use_sample_bpm :loop_amen, num_beats: 4
puts current_bpm.round(6)
puts sample_duration(:loop_amen).round(6)
with_sample_bpm :loop_garzul do
  puts current_bpm.round(6)
  sample :loop_garzul, beat_stretch: 0.5
  sleep 0.1
end
