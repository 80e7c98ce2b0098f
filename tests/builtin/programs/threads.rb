# threads, named and not, with settings of their own
use_synth :tri
in_thread do
  use_synth :saw
  play 50
  sleep 0.5
  play 52
end
play 60
in_thread(name: :one) { 3.times { play 70; sleep 0.25 } }
in_thread(name: :one) { play 99 }
in_thread(delay: 0.3) { play 80 }
sleep 0.1
play 61
in_thread do
  in_thread do
    sleep 0.2
    play 90
  end
  stop
  play 91
end
at [0.1, 0.5], [71, 72] do |n|
  play n
end
at [0.2, 0.4] do |time, n|
  play 40 + n, amp: time
end
