# what counts beats follows the tempo, what does not stays
use_bpm 120
play 60
play 62, attack: 0.5, release: 1, cutoff_slide: 1
synth :tb303, note: 40
synth :mod_saw, note: 50
sleep 1
with_bpm 30 do
  play 64, sustain: 0.1
  sleep 0.5
end
use_bpm_mul 2
play 65
sleep 1
with_bpm_mul 0.5 do
  play 67, slide: 0.4
  sleep 0.25
end
density 2 do |n|
  play 70 + n
  sleep 0.5
end
density 0.5 do
  play 80
  sleep 0.1
end
use_arg_bpm_scaling false
play 72, release: 1
with_arg_bpm_scaling true do
  play 73, release: 1
end
puts current_bpm, current_beat_duration, rt(3), bt(3), vt
