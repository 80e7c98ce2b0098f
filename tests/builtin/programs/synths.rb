# synths, their defaults, and blocks of either
use_synth :prophet
play 50
with_synth :tb303 do
  play 40, cutoff: :c5, release: 2
end
synth :fm, note: :c3, depth: 2, divisor: 3
synth :dpulse, note: 60, pulse_width_slide: 1
synth :cnoise, cutoff: 100
use_synth_defaults amp: 0.3, release: 0.2
play 62
play 63, amp: 0.1
with_synth_defaults cutoff: 70 do
  play 64
end
play 67
synth :sine, note: 70
synth :mod_beep, note: 70, mod_phase: 0.5
puts current_synth
