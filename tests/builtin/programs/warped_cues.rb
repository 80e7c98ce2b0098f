# cues and settings from other times
in_thread { 2.times { sync :later; puts :heard, vt } }
in_thread { sync :set_later; puts get(:set_later), vt }
time_warp 0.5 do
  cue :later
  set :set_later, 5
  play 60
end
use_random_seed 3
time_warp [0.1, 0.2] do
  play rrand_i(60, 72)
  puts tick, rand
end
puts rand, look
s = play 40, release: 3
time_warp 0.25 do
  control s, note: 45
  control s, amp: 0.5
  in_thread { play 46; sleep 0.1; play 47 }
end
control s, note: 48
sleep 1
cue :later
use_bpm 120
time_warp(1) { play 50, release: 1 }
density(2) { play 51 }
