# effects that outlive their blocks, and threads that begin in them
with_fx :reverb, mix: 0.3 do
  in_thread do
    3.times { |n| play 60 + n; sleep 0.3 }
    with_fx :lpf, cutoff: 80 do
      in_thread { sleep 0.2; play 70 }
    end
  end
  at([0.1, 1.5]) { play 72 }
end
play 50
f = nil
with_fx :level, amp: 0.5, amp_slide: 0.5 do |level|
  f = level
  play 51
  sleep 0.2
  control level, amp: 1
end
control f, amp: 0, note: 5
kill f
with_afx :echo do
  play 52
  sleep 0.2
  play 53
end
play 54
x = with_fx(:distortion, distort: 0.5) { 42 }
puts x
with_fx :tremolo, phase: 0.5, kill_delay: 3, reps: 2 do |t|
  play 55
  sleep 0.1
  control t, phase: 0.25, phase_slide: 1
end
use_synth_defaults release: 0.5
with_synth_defaults amp: 0.1 do
  with_fx :krush do
    play 56
  end
end
with_fx :none do |n|
  control n, mix: 1
  play 57
end
