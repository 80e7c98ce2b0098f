# other times, without waiting
play 60
time_warp 0.5 do
  play 62
end
time_warp [0.25, 0.75], [64, 65] do |time, note|
  play note, amp: time
end
time_warp [0, 0.1] do |time|
  play 70, amp: time + 0.1
end
sleep 1
time_warp(-0.1) { play 71 }
4.times do
  with_swing 0.1 do
    play 80
  end
  sleep 0.25
end
puts vt
