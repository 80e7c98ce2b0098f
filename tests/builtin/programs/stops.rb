# what stops what
in_thread do
  play 60
  in_thread { sleep 0.2; play 61 }
  stop
  play 62
end
live_loop :thrice do
  play 63
  sleep 0.2
  stop if tick == 2
end
live_loop :twice_named do
  play 64
  sleep 0.3
end
live_loop :twice_named do
  play 65
  sleep 0.4
end
define(:leave) { play 66; stop }
in_thread { leave; play 67 }
begin
  play 68
  stop
rescue StandardError => e
  puts e.class.name.split("::").last
end
in_thread(name: :again) { play 69; sleep 1 }
sleep 0.8
in_thread(name: :again) { play 70 }
catch(:out) { play 71; throw :out; play 72 }
sleep 0.5
stop
play 73
